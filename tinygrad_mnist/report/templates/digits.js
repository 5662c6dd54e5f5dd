// The digits in the page: those of a cell of the confusion matrix, and the pixels of each.

const Digits = (() => {
  const data = JSON.parse(document.getElementById("digits-data").textContent);
  const percent = (share) => `${(100 * share).toFixed(2)} %`;
  let sheet = null; // the picture of all digits, decoded when it is first asked for

  async function pixels(place) {
    if (!sheet) {
      const style = getComputedStyle(document.querySelector(".digit")).backgroundImage;
      const picture = new Image();
      picture.src = style.slice(5, -2); // url("...")
      await picture.decode();
      const canvas = document.createElement("canvas");
      canvas.width = picture.width;
      canvas.height = picture.height;
      sheet = canvas.getContext("2d", { willReadFrequently: true });
      sheet.drawImage(picture, 0, 0);
    }
    const left = place % data.columns, top = Math.floor(place / data.columns);
    const rgba = sheet.getImageData(28 * left, 28 * top, 28, 28).data;
    return Uint8Array.from({ length: 784 }, (_, i) => rgba[4 * i]);
  }

  function tile(place) {
    const [number, truth, answer, share] = data.tiles[place];
    const button = document.createElement("button");
    button.type = "button";
    button.className = truth === answer ? "tile" : "tile wrong";
    button.dataset.place = place;
    const words = document.createElement("span");
    button.setAttribute("aria-label",
      `test image ${number}: a ${truth}, read as ${answer} with ${percent(share)}`);
    const digit = document.createElement("span");
    digit.className = "digit";
    digit.style.setProperty("--left", place % data.columns);
    digit.style.setProperty("--top", Math.floor(place / data.columns));
    words.className = "words";
    const small = document.createElement("small");
    small.textContent = percent(share);
    words.append(`${answer} `, small);
    button.append(digit, words);
    return button;
  }

  function show(cell) {
    const [truth, answer] = cell.dataset.cell.split(",").map((i) => data.classes[i]);
    const count = Number(cell.dataset.count);
    const places = data.cells[cell.dataset.cell] || [];
    const how = truth === answer ? "least sure" : "surest";
    const which = places.length < count ? `, the ${how} ${places.length} of them` : "";
    document.getElementById("cell-title").textContent =
      `Truth ${truth}, answer ${answer}: ${count.toLocaleString("en")}${which}`;
    document.getElementById("cell-digits").replaceChildren(...places.map(tile));
    for (const other of cells) other.setAttribute("aria-pressed", other === cell);
  }

  const cells = [...document.querySelectorAll("[data-cell]")];
  const across = data.classes.length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
  cells.forEach((cell, at) => {
    cell.addEventListener("click", () => show(cell));
    cell.addEventListener("keydown", (event) => {
      const to = at + (steps[event.key] || 0);
      const sameRow = Math.floor(to / across) === Math.floor(at / across);
      if (!(event.key in steps)) return;
      event.preventDefault();
      if (!cells[to] || (Math.abs(to - at) === 1 && across > 1 && !sameRow)) return;
      cell.tabIndex = -1;
      cells[to].tabIndex = 0;
      cells[to].focus();
    });
  });
  return { pixels };
})();
