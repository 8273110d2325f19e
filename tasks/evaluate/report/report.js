explore((pages, get) => {
  for (const page of pages) {
    page.scores = JSON.parse(page.item.dataset.scores);
    page.delta = page.item.querySelector(".delta");
  }
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
    family: (page) => page.summary.querySelector("b").textContent,
  };

  function refresh(page) {
    page.delta.textContent = get("from")
      ? `${plain(first(page))} → ${plain(second(page))} (${signed(change(page))})` : plain(second(page));
    page.delta.classList.toggle("better", change(page) > 0);
    page.delta.classList.toggle("worse", change(page) < 0);
    const pair = get("from") ? [get("from").value, get("to").value] : ["0"];
    for (const answer of page.item.querySelectorAll("[data-system]"))
      answer.hidden = !get("all").checked && !pair.includes(answer.dataset.system);
  }

  return { keys, refresh };
});
