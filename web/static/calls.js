// Calls that come in while one looks: the new rows light up for a moment, and their number is said.
const bell = document.querySelector("[data-new-calls]");
const part = bell?.parentElement.querySelector("[data-live~=calls]");
const SAY_EVERY_MS = 5_000; // a busy switchboard is told of in sums, not call by call
let known = null;
let unsaid = 0;
let timer = 0;

const rows = () => [...part.querySelectorAll("tr[data-call]")];

function say() {
  timer = 0;
  if (!unsaid) return;
  bell.textContent = bell.dataset.newCalls.replace("{count}", unsaid.toLocaleString(document.documentElement.lang));
  unsaid = 0;
  timer = setTimeout(say, SAY_EVERY_MS);
}

function light(row) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--accent-soft");
  for (const cell of row.cells) cell.animate([{ backgroundColor: colour }, {}], { duration: 2400, easing: "ease-out" });
}

function look() {
  const now = rows();
  // Rows that came in below the known ones are old: a longer list was asked for.
  const edge = now.findIndex((row) => known.has(row.dataset.call));
  const fresh = now.slice(0, edge < 0 ? now.length : edge);
  known = new Set(now.map((row) => row.dataset.call));
  fresh.forEach(light);
  unsaid += fresh.length;
  if (unsaid && !timer) say();
}

if (part) {
  known = new Set(rows().map((row) => row.dataset.call));
  new MutationObserver(look).observe(part, { childList: true });
}
