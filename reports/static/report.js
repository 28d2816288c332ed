"use strict";
(() => {
  const box = document.getElementById("filter");
  if (box) {
    box.closest(".filter").hidden = false;
    const rows = [...document.querySelectorAll(".ledger tbody tr")];
    const texts = rows.map((row) => row.textContent.toLowerCase());
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row, i) => { row.hidden = !words.every((word) => texts[i].includes(word)); });
      if (words.length) document.querySelectorAll(".kind").forEach((kind) => { kind.open = true; });
    });
  }
  const key = (cell) => {
    const text = cell ? cell.textContent.trim() : "";
    const number = parseFloat(text);
    return Number.isNaN(number) ? text.toLowerCase() : number;
  };
  document.querySelectorAll("table.sortable").forEach((table) => {
    table.classList.add("on");
    table.querySelectorAll("thead th").forEach((head, column) => {
      head.tabIndex = 0;
      head.title = "Sort";
      const sort = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const body = table.tBodies[0];
        const order = [...body.rows].sort((a, b) => {
          const [x, y] = [key(a.cells[column]), key(b.cells[column])];
          const less = typeof x === typeof y ? x < y : typeof x === "number";
          return x === y ? 0 : (less ? -1 : 1) * (up ? 1 : -1);
        });
        body.append(...order);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
      });
    });
  });
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    for (let node = target; node; node = node.parentElement) if (node.tagName === "DETAILS") node.open = true;
    if (target) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
