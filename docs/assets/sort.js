// Sort tables inside of an element with the class "sortable" by a click on a heading.

// "1.8 MB" < "11.4 MB", "304 kB" < "1.8 MB", and "–" comes last.
function valueOf(cell) {
  const text = cell.textContent.trim();
  const match = /^([−-]?[\d.,]+)\s*(kB|MB)?$/.exec(text);
  if (text === "–") return Infinity;
  if (!match) return text.toLowerCase();
  const unit = { kB: 1e3, MB: 1e6 }[match[2]] ?? 1;
  return Number(match[1].replace("−", "-").replaceAll(",", "")) * unit;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : Number(a > b);
  return typeof a === "number" ? -1 : 1;
}

function sortBy(table, column, heading) {
  const isUp = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.querySelectorAll("th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isUp ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row.cells[column]), row]);
  rows.sort(([a], [b]) => {
    if (a === Infinity || b === Infinity) return Number(a === Infinity) - Number(b === Infinity);
    return isUp ? compare(a, b) : compare(b, a);
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

document$.subscribe(({ body }) => {
  for (const table of body.querySelectorAll(".sortable table")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      button.addEventListener("click", () => sortBy(table, column, heading));
      heading.append(button);
    });
  }
});
