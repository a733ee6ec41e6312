"""Style and script of the HTML leaderboard: they stand in the page itself, which loads nothing."""

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --paper: #ffffff; --quiet: #57606a; --line: #d0d7de; --band: #f3f5f7; --link: #0550ae;
  --warning: #fff3d6; --warning-ink: #5c3d00; --failed: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --paper: #0d1117; --quiet: #9aa4af; --line: #3d444d; --band: #171d25; --link: #79b8ff;
    --warning: #3a2d0c; --warning-ink: #f2d594; --failed: #ff8b82;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; color: var(--ink); background: var(--paper);
  font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 110rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 1.75rem 0 .5rem; }
p, li { max-width: 75ch; overflow-wrap: anywhere; }
.notes { margin: 1rem 0; padding: .6rem 1rem .6rem 2rem; background: var(--warning); color: var(--warning-ink); }
.quiet, .interval { color: var(--quiet); }
.scroll { overflow-x: auto; border: 1px solid var(--line); margin: 1rem 0; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top; background: var(--paper); }
thead th { background: var(--band); border-bottom: 2px solid var(--line); vertical-align: bottom; padding: 0; }
tbody th { font-weight: 600; min-width: 15rem; max-width: 20rem; overflow-wrap: anywhere; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
table.ranked tr.first > * { border-top: 2px solid var(--quiet); }
.number { text-align: right; white-space: nowrap; }
.text { min-width: 4.5rem; max-width: 30rem; overflow-wrap: anywhere; }
.device, .selected_on, .verdict { min-width: 13rem; }
.interval { display: block; font-size: .8em; }
tr.failed .status { color: var(--failed); min-width: 20rem; }
tr.published > * { background: var(--band); font-weight: 400; }
thead button {
  all: unset; box-sizing: border-box; width: 100%; padding: .45rem .6rem; cursor: pointer; font-weight: 600;
  white-space: nowrap;
}
th[data-type=number] button { text-align: right; }
thead button:hover { color: var(--link); }
thead button:focus-visible { outline: 2px solid var(--link); outline-offset: -2px; }
th[aria-sort] button::after { content: " \\2195"; color: var(--quiet); font-weight: 400; }
@media (max-width: 40rem) { th[aria-sort=none] button::after { content: ""; } }
th[aria-sort=ascending] button::after { content: " \\25B2"; color: var(--link); }
th[aria-sort=descending] button::after { content: " \\25BC"; color: var(--link); }
/* The model stays in sight while the scores scroll by. */
tbody th, thead th.key { position: sticky; left: 0; z-index: 1; border-right: 1px solid var(--line); }
summary { cursor: pointer; font-size: 1.15rem; font-weight: 600; margin: 1.5rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; }
pre { overflow-x: auto; padding: .6rem 1rem; background: var(--band); }
@media (max-width: 40rem) {
  body { font-size: 14px; }
  main { padding: .75rem; }
  th, td { padding: .3rem .45rem; }
  tbody th { min-width: 8.5rem; max-width: 8.5rem; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .4rem; }
}
@page { size: A4 landscape; margin: 1cm; }
@media print {
  :root { --ink: #000; --paper: #fff; --quiet: #444; --line: #bbb; --band: #f3f5f7; --failed: #900; }
  body { font-size: 9pt; }
  main { padding: 0; max-width: none; }
  .scroll { overflow: visible; border: 0; }
  table { font-size: 6pt; }
  th, td { padding: .15rem .2rem; }
  thead { display: table-header-group; }
  tr { break-inside: avoid; }
  tbody th, thead th.key { position: static; min-width: 0; border-right: 0; }
  .text, tr.failed .status, .device, .selected_on, .verdict { min-width: 0; max-width: none; }
  .text, tbody th { overflow-wrap: break-word; }
  /* A heading that is repeated on the next page loses its button. */
  thead th { padding: .15rem .2rem; }
  thead th::before { content: attr(data-label); }
  thead th[data-type=number] { text-align: right; }
  thead button { display: none; }
}
"""

SCRIPT: Final = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const sort = (column, descending) => {
    const number = heads[column].dataset.type === "number";
    const sign = descending ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [a, b].map((row) => row.cells[column].dataset.value);
      // What is missing goes last, whichever way the others go.
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (number ? Number(x) - Number(y) : x.localeCompare(y, undefined, {numeric: true}));
    };
    // Sorting is stable: equals stay in the order of the leaderboard.
    body.append(...[...rows].sort(compare));
    heads.forEach((head, place) => {
      head.ariaSort = place !== column ? "none" : descending ? "descending" : "ascending";
    });
    table.classList.toggle("ranked", heads[column].dataset.column === "rank" && !descending);
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const first = head.dataset.better === "high";
      sort(column, head.ariaSort === "none" ? first : head.ariaSort === "ascending");
    });
  });
  // A link can name the order: leaderboard.html#sort=log_loss or #sort=log_loss,descending.
  const follow = () => {
    const asked = /^#sort=(\\w+)(,descending)?$/.exec(location.hash);
    const column = asked ? heads.findIndex((head) => head.dataset.column === asked[1]) : -1;
    if (column >= 0) sort(column, Boolean(asked[2]));
  };
  addEventListener("hashchange", follow);
  follow();
}
"""
