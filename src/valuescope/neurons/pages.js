"use strict";
// Sort by a column's title, and show the rows that fit the search, the value and the layer.
const table = document.getElementById("neurons"), rows = [...table.tBodies[0].rows];
const field = name => document.getElementById(name);
function filter() {
  const words = field("search").value.toLowerCase(), value = field("value").value, layer = field("layer").value;
  let shown = 0;
  for (const row of rows) {
    row.hidden = !(row.textContent.toLowerCase().includes(words) && (!value || row.dataset.value === value)
      && (!layer || row.dataset.layer === layer));
    shown += !row.hidden;
  }
  field("count").textContent = shown + " shown";
}
for (const name of ["search", "value", "layer"]) field(name).addEventListener("input", filter);
document.querySelector(".tools").addEventListener("submit", event => event.preventDefault());
const titles = [...table.tHead.rows[0].cells];
titles.forEach((title, column) => title.firstElementChild.addEventListener("click", () => {
  const order = title.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
  for (const other of titles) other.setAttribute("aria-sort", "none");
  title.setAttribute("aria-sort", order);
  const key = row => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const number = key => key === "" ? -Infinity : Number(key);
  const compare = (a, b) => Number.isNaN(number(a)) ? a.localeCompare(b) : number(a) - number(b);
  rows.sort((a, b) => (order === "ascending" ? 1 : -1) * compare(key(a), key(b)));
  table.tBodies[0].append(...rows);
}));
filter();
