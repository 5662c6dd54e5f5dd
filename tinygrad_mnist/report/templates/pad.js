// The pad: strokes of a pen, or 28 x 28 pixels of any shade; the model's answer after each change.

const Pad = (() => {
  const pad = document.getElementById("pad");
  if (!pad) return null;
  const byId = (id) => document.getElementById(id);
  const SIZE = pad.width, SIDE = 28, CELL = SIZE / SIDE;
  const fine = Math.min(4, Math.max(1, devicePixelRatio)); // pixels of the screen for one of the pad
  pad.width = pad.height = Math.round(SIZE * fine);
  const screen = pad.getContext("2d");
  screen.scale(pad.width / SIZE, pad.width / SIZE);
  const hidden = document.createElement("canvas"); // strokes alone, without grid or pen
  hidden.width = hidden.height = SIZE;
  const paper = hidden.getContext("2d", { willReadFrequently: true });
  const saw = byId("saw").getContext("2d", { willReadFrequently: true });
  const network = new Network(
    JSON.parse(byId("network-data").textContent), byId("weights-data").textContent);

  let tool = "pen"; // or "pixels", or "digit": a test digit that was chosen
  let strokes = []; // of the pen: { width, points: [[x, y], ...] }
  let cleared = []; // the strokes that Clear took away, for undo
  let last = [0, 0]; // where the pointer was before
  let before = []; // earlier pixels, for undo
  let pixels = new Uint8Array(SIDE * SIDE); // of the tool "pixels", and of a digit
  let drawing = null; // the id of the pointer that is down
  let pen = { x: SIZE / 2, y: SIZE / 2, down: false, shown: false }; // moved by keys
  let asked = false;

  function drawStrokes(context) {
    context.strokeStyle = "#fff";
    context.lineCap = context.lineJoin = "round";
    for (const { width, points } of strokes) {
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points) context.lineTo(...point);
      context.stroke();
    }
  }

  function drawPixels(context, size) {
    const cell = size / SIDE;
    pixels.forEach((shade, at) => {
      if (!shade) return;
      context.fillStyle = `rgb(${shade},${shade},${shade})`;
      context.fillRect((at % SIDE) * cell, Math.floor(at / SIDE) * cell, cell, cell);
    });
  }

  function draw() {
    screen.fillStyle = "#000";
    screen.fillRect(0, 0, SIZE, SIZE);
    if (tool === "pen") drawStrokes(screen);
    else drawPixels(screen, SIZE);
    if (tool === "pixels") {
      screen.fillStyle = "rgba(128,128,128,0.35)";
      for (let i = 1; i < SIDE; i++) {
        screen.fillRect(i * CELL, 0, 0.5, SIZE);
        screen.fillRect(0, i * CELL, SIZE, 0.5);
      }
    }
    if (!pen.shown) return;
    screen.lineWidth = 2;
    screen.strokeStyle = pen.down ? "#ff8a3d" : "#6ab0ff";
    if (tool === "pixels") {
      const [column, row] = cellAt(pen.x, pen.y);
      screen.strokeRect(column * CELL, row * CELL, CELL, CELL);
    } else {
      screen.beginPath();
      screen.arc(pen.x, pen.y, width() / 2, 0, 2 * Math.PI);
      screen.stroke();
    }
  }

  // What the model is asked about: 784 pixels, or null while nothing is drawn.
  function seen() {
    if (tool !== "pen") return pixels.some((v) => v) ? pixels : null;
    if (!strokes.length) return null;
    paper.clearRect(0, 0, SIZE, SIZE);
    drawStrokes(paper);
    const rgba = paper.getImageData(0, 0, SIZE, SIZE).data;
    const data = Uint8Array.from({ length: SIZE * SIZE }, (_, i) => (rgba[4 * i + 3] > 127 ? 1 : 0));
    return Prepare.asMnist({ width: SIZE, height: SIZE, data });
  }

  const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1)} %`;

  function answer() {
    draw();
    const image = seen();
    const shown = saw.createImageData(SIDE, SIDE);
    for (let i = 0; i < SIDE * SIDE; i++)
      shown.data.set([image ? image[i] : 0, image ? image[i] : 0, image ? image[i] : 0, 255], 4 * i);
    saw.putImageData(shown, 0, 0);
    const shares = image && network.probabilities(image);
    const best = shares ? shares.indexOf(Math.max(...shares)) : -1;
    [...byId("shares").children].forEach((row, at) => {
      const share = shares ? shares[at] : 0;
      row.classList.toggle("best", at === best);
      row.querySelector(".bar span").style.transform = `scaleX(${share})`;
      row.querySelector(".value").textContent = shares ? percent(share) : "–";
      row.dataset.share = shares ? share : "";
    });
    const { classes } = network.about;
    const words = shares
      ? `${classes[best]}, with ${percent(shares[best])}`
      : "Draw, or choose a digit below.";
    if (byId("answer").textContent !== words) byId("answer").textContent = words;
    const name = image ? `an image of 28 by 28, read as ${classes[best]}` : "nothing yet";
    byId("saw").setAttribute("aria-label", name);
  }

  function change() { // at most once a frame
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      answer();
    });
  }

  const width = () => Number(byId("pen-width").value);
  const cellAt = (x, y) => [x, y].map((v) => Math.max(0, Math.min(SIDE - 1, Math.floor(v / CELL))));

  function paintCell(x, y) {
    const [column, row] = cellAt(x, y);
    pixels[row * SIDE + column] = Number(byId("shade").value);
  }

  function begin(x, y) {
    if (tool === "digit") choose("pen");
    if (tool === "pen") strokes.push({ width: width(), points: [[x, y]] });
    else {
      before.push(pixels.slice());
      paintCell(x, y);
    }
    last = [x, y];
    change();
  }

  function proceed(x, y) {
    if (tool === "pen") strokes.at(-1).points.push([x, y]);
    else {
      const [fromX, fromY] = last; // a quick hand skips cells
      const steps = Math.ceil(Math.hypot(x - fromX, y - fromY) / (CELL / 2)) || 1;
      for (let i = 1; i <= steps; i++)
        paintCell(fromX + ((x - fromX) * i) / steps, fromY + ((y - fromY) * i) / steps);
    }
    last = [x, y];
    change();
  }

  // The tool by name; another tool's drawing waits until it is chosen again, a digit's does not.
  function choose(name) {
    if (tool === "digit") pixels = new Uint8Array(SIDE * SIDE);
    tool = name;
    for (const input of document.querySelectorAll("[name=tool]"))
      input.checked = input.value === name;
    for (const label of document.querySelectorAll("[data-for]"))
      label.hidden = label.dataset.for !== (name === "pixels" ? name : "pen");
    change();
  }

  function undo() {
    if (tool === "pen" && strokes.length) strokes.pop();
    else if (tool === "pen") [strokes, cleared] = [cleared, []];
    else if (tool === "pixels" && before.length) pixels = before.pop();
    pen.down = false;
    change();
  }

  function clear() {
    if (tool === "digit") choose("pen");
    if (tool === "pen") [strokes, cleared] = [[], strokes.length ? strokes : cleared];
    else {
      before.push(pixels.slice());
      pixels = new Uint8Array(SIDE * SIDE);
    }
    pen.down = false;
    change();
  }

  function showDigit(values) {
    before = [];
    tool = "digit";
    pixels = Uint8Array.from(values);
    pen = { ...pen, down: false };
    for (const input of document.querySelectorAll("[name=tool]")) input.checked = false;
    change();
  }

  function placeOf(event) {
    const { left, top, width: across, height: down } = pad.getBoundingClientRect();
    const x = ((event.clientX - left) / across) * SIZE, y = ((event.clientY - top) / down) * SIZE;
    return [x, y];
  }

  pad.addEventListener("pointerdown", (event) => {
    if (drawing !== null || event.button !== 0) return;
    drawing = event.pointerId;
    try {
      pad.setPointerCapture(drawing);
    } catch { /* a pointer that is gone already, or was made by a program */ }
    pen.shown = pen.down = false;
    begin(...placeOf(event));
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const each of all.length ? all : [event]) proceed(...placeOf(each));
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"])
    pad.addEventListener(name, (event) => {
      if (event.pointerId === drawing) drawing = null;
    });

  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key !== "z") return;
      event.preventDefault();
      undo();
    } else if (event.key in steps) {
      event.preventDefault();
      const [right, down] = steps[event.key];
      pen.x = Math.max(CELL / 2, Math.min(SIZE - CELL / 2, snapped(pen.x) + right * CELL));
      pen.y = Math.max(CELL / 2, Math.min(SIZE - CELL / 2, snapped(pen.y) + down * CELL));
      pen.shown = true;
      if (pen.down) proceed(pen.x, pen.y);
      change();
    } else if (event.key === " ") {
      event.preventDefault();
      pen.shown = true;
      pen.down = !pen.down;
      if (pen.down) begin(pen.x, pen.y);
      change();
    } else if (event.key === "u" || event.key === "U") undo();
    else if (event.key === "Delete" || event.key === "Backspace") clear();
  });
  const snapped = (v) => (Math.floor(v / CELL) + 0.5) * CELL;
  pad.addEventListener("focus", () => {
    if (drawing === null && pad.matches(":focus-visible")) pen.shown = true;
    change();
  });
  pad.addEventListener("blur", () => {
    pen.shown = pen.down = false;
    change();
  });

  byId("undo").addEventListener("click", undo);
  byId("clear").addEventListener("click", clear);
  for (const input of document.querySelectorAll("[name=tool]"))
    input.addEventListener("change", () => choose(input.value));
  document.addEventListener("click", async (event) => {
    const tile = event.target.closest(".tile");
    if (!tile) return;
    showDigit(await Digits.pixels(Number(tile.dataset.place)));
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    byId("draw").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  });
  draw();
  return { network, showDigit };
})();
