// The list of reports shows another preview in place, and a run that takes long gives way to its
// result by itself. Without this script both are ordinary pages.
const place = document.querySelector("[data-preview-place]");

async function preview(link) {
  const address = new URL(link.href);
  const asked = new URL(address);
  asked.searchParams.set("fragment", "1");
  const answer = await fetch(asked, { headers: { Accept: "text/html" } });
  if (!answer.ok) {
    location.assign(address);
    return;
  }
  place.innerHTML = await answer.text();
  for (const leaf of document.querySelectorAll(".report-leaf")) {
    const chosen = leaf.contains(link);
    leaf.toggleAttribute("data-selected", chosen);
    const select = leaf.querySelector("[data-select]");
    if (chosen) select.setAttribute("aria-current", "true");
    else select.removeAttribute("aria-current");
  }
  history.replaceState(null, "", address);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  place.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });
}

if (place) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-select]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    preview(link).catch(() => location.assign(link.href));
  });
}

const waiting = document.querySelector("[data-waiting]");
const EVERY_MS = 1000;

async function look() {
  const answer = await fetch(waiting.dataset.waiting, { headers: { Accept: "application/json" } });
  const told = answer.ok ? await answer.json() : { over: answer.status === 404 };
  if (told.over) {
    location.replace(waiting.dataset.again);
    return;
  }
  if (told.elapsed) waiting.querySelector("[data-elapsed]").textContent = told.elapsed;
  setTimeout(again, EVERY_MS);
}

function again() {
  look().catch(() => setTimeout(again, 3 * EVERY_MS));
}

if (waiting) setTimeout(again, EVERY_MS);
