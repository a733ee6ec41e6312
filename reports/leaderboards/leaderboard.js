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
    const asked = /^#sort=(\w+)(,descending)?$/.exec(location.hash);
    const column = asked ? heads.findIndex((head) => head.dataset.column === asked[1]) : -1;
    if (column >= 0) sort(column, Boolean(asked[2]));
  };
  addEventListener("hashchange", follow);
  follow();
}
