explore((pages, get) => {
  const keys = {
    agreement: () => 0, // as they come
    longest: (page) => -Number(page.item.dataset.length),
    name: (page) => page.summary.textContent,
  };
  const raw = get("raw");
  raw.addEventListener("input", () => {
    for (const page of pages) page.item.querySelector(".raw").open = raw.checked;
  });
  for (const page of pages)
    page.details.addEventListener("toggle", () => {
      const source = page.item.querySelector(".source");
      if (source) source.scrollTop = source.querySelector("mark").offsetTop - 48;
    });
  pages[0].details.open = true;
  return { keys };
});
