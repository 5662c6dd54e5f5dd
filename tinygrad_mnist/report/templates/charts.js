// The values of an epoch, under the mouse or chosen by the arrow keys.

for (const svg of document.querySelectorAll("[data-chart]")) {
  const { last, left, right, lines } = JSON.parse(svg.dataset.chart);
  const figure = svg.closest("figure");
  const cursor = svg.querySelector(".cursor");
  let epoch = 0; // none is shown

  const show = (wanted) => {
    epoch = Math.max(0, Math.min(last, wanted));
    const at = last > 1 ? left + ((right - left) * (epoch - 1)) / (last - 1) : left;
    cursor.setAttribute("visibility", epoch ? "visible" : "hidden");
    cursor.setAttribute("x1", at);
    cursor.setAttribute("x2", at);
    for (const output of figure.querySelectorAll("[data-line]"))
      output.textContent = epoch ? lines[output.dataset.line][epoch - 1] ?? "–" : "";
    figure.querySelector("[data-epoch]").textContent = epoch ? `epoch ${epoch}` : "";
  };

  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    show(1 + Math.round(((x - left) / (right - left)) * (last - 1)));
  });
  svg.addEventListener("pointerleave", () => show(0));
  svg.addEventListener("blur", () => show(0));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(Math.max(1, epoch + step));
    else if (event.key === "Home") show(1);
    else if (event.key === "End") show(last);
    else return;
    event.preventDefault();
  });
}
