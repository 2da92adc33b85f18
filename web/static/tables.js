// A table that fits its frame needs no scrolling of its own: its header then stays in sight below the
// bar while the page scrolls. The current place of a navigation that scrolls is brought into view.
export function tables() {
  const frames = new ResizeObserver((entries) => {
    for (const { target } of entries) fit(target);
  });
  const watch = (root) => root.querySelectorAll("[data-table]").forEach((frame) => frames.observe(frame));
  watch(document);
  const swapped = new MutationObserver(() => watch(document));
  for (const part of document.querySelectorAll("[data-live]")) swapped.observe(part, { childList: true });
  const here = document.querySelector("[data-subnav] [aria-current]");
  if (here) here.parentElement.scrollLeft += middle(here) - middle(here.parentElement);
}

function fit(frame) {
  const table = frame.querySelector("table");
  if (table) frame.classList.toggle("fits", table.offsetWidth <= frame.clientWidth);
}

function middle(element) {
  const box = element.getBoundingClientRect();
  return box.left + box.width / 2;
}
