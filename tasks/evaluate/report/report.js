"use strict";
(() => {
  const root = document.getElementById("pages");
  if (!root) return;
  const get = (name) => root.querySelector(`[data-control=${name}]`);
  const list = root.querySelector(".pagelist");
  const pages = [...list.children].map((item, place) => ({
    item, place,
    details: item.querySelector("details"), summary: item.querySelector("summary"), delta: item.querySelector(".delta"),
    scores: JSON.parse(item.dataset.scores),
    language: [item.dataset.language], source: [item.dataset.source], feature: JSON.parse(item.dataset.features),
  }));
  const first = (page) => (get("from") ? page.scores[get("from").value] : null);
  const second = (page) => page.scores[get("to") ? get("to").value : 0];
  const change = (page) => (first(page) === null || second(page) === null ? null : second(page) - first(page));
  const signed = (x) => (x === null ? "–" : (x < 0 ? "−" : "+") + Math.abs(x).toFixed(3));
  const plain = (x) => (x === null ? "–" : x.toFixed(3));
  const last = Number.MAX_VALUE;
  const keys = {
    change: (page) => (change(page) === null ? last : -Math.abs(change(page))),
    drop: (page) => change(page) ?? last,
    gain: (page) => (change(page) === null ? last : -change(page)),
    low: (page) => second(page) ?? last,
    family: () => 0,
  };
  let visible = pages;

  function update() {
    const key = keys[get("sort").value];
    const byName = get("sort").value === "family";
    const sorted = [...pages].sort((a, b) =>
      byName ? a.summary.textContent.localeCompare(b.summary.textContent) : key(a) - key(b) || a.place - b.place);
    visible = sorted.filter((page) => ["language", "source", "feature"].every((name) =>
      !get(name) || get(name).value === "" || page[name].includes(get(name).value)));
    const pair = get("from") ? [get("from").value, get("to").value] : ["0"];
    for (const page of sorted) {
      list.append(page.item);
      page.item.hidden = !visible.includes(page);
      page.delta.textContent = get("from")
        ? `${plain(first(page))} → ${plain(second(page))} (${signed(change(page))})` : plain(second(page));
      page.delta.classList.toggle("better", change(page) > 0);
      page.delta.classList.toggle("worse", change(page) < 0);
      for (const answer of page.item.querySelectorAll("[data-system]"))
        answer.hidden = !get("all").checked && !pair.includes(answer.dataset.system);
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
  root.addEventListener("change", update);
  get("previous").addEventListener("click", () => step(-1));
  get("next").addEventListener("click", () => step(1));
  root.querySelector(".controls").hidden = false;
  update();
})();
