"use strict";
// The list of pages of a document: filters, order and keys. `prepare(pages, get)` gives the document's own sort keys,
// {name: page => number or string}, and, if it likes, refresh(page), called for every page whenever a control changes.
function explore(prepare) {
  const root = document.getElementById("pages");
  if (!root) return;
  const get = (name) => root.querySelector(`[data-control=${name}]`);
  const list = root.querySelector(".pagelist");
  const pages = [...list.children].map((item, place) => ({
    item, place, details: item.querySelector("details"), summary: item.querySelector("summary"),
  }));
  const { keys, refresh } = prepare(pages, get);
  const filters = [...root.querySelectorAll("[data-filter]")];
  for (const page of pages)
    page.has = Object.fromEntries(filters.map(({ dataset: { filter } }) => [filter, JSON.parse(page.item.dataset[filter])]));
  const words = (page) => (page.words ??=
    [page.summary, ...page.item.querySelectorAll("[data-words]")].map((part) => part.textContent).join("\n").toLowerCase());
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);
  let visible = pages;

  function update() {
    const key = keys[get("sort").value];
    const sorted = [...pages].sort((a, b) => compare(key(a), key(b)) || a.place - b.place);
    const sought = get("search") ? get("search").value.trim().toLowerCase() : "";
    visible = sorted.filter((page) => (!sought || words(page).includes(sought)) &&
      filters.every(({ value, dataset: { filter } }) => value === "" || page.has[filter].includes(value)));
    if (sorted.some((page, at) => list.children[at] !== page.item)) list.append(...sorted.map((page) => page.item));
    const shown = new Set(visible);
    for (const page of pages) {
      page.item.hidden = !shown.has(page);
      if (refresh) refresh(page);
    }
    get("count").textContent = `${visible.length} of ${pages.length} pages`;
  }

  function open(page) {
    for (const other of pages) other.details.open = other === page;
    page.summary.focus({ preventScroll: true });
    page.summary.scrollIntoView({ block: "start" });
  }

  function step(by) {
    if (!visible.length) return;
    const now = visible.findIndex((page) => page.details.open);
    open(visible[now < 0 ? 0 : Math.min(visible.length - 1, Math.max(0, now + by))]);
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, .scroll")) return;
    const by = { j: 1, ArrowRight: 1, k: -1, ArrowLeft: -1 }[event.key];
    const at = visible.findIndex((page) => page.summary === event.target);
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) step(by);
    else if (move && at >= 0 && visible[at + move]) visible[at + move].summary.focus();
    else return;
    event.preventDefault();
  });
  root.addEventListener("input", update);
  get("previous").addEventListener("click", () => step(-1));
  get("next").addEventListener("click", () => step(1));
  root.querySelector(".controls").hidden = false;
  update();
}
