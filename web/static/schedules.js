// Says, while a schedule is being filled in, when it would run. Without this a button asks for it.
const WAIT_MS = 250;
const TIMES = ["start_date", "start_time", "every", "unit", "zone"];

const form = document.querySelector("[data-next-runs]");
const place = document.getElementById("next-runs");
let timer = 0;
let asked = 0;

async function tell() {
  const number = (asked += 1);
  const values = new URLSearchParams(TIMES.map((name) => [name, form.elements[name].value]));
  try {
    const answer = await fetch(`${form.dataset.nextRuns}?${values}`, { cache: "no-store", redirect: "error" });
    if (!answer.ok || number !== asked) return;
    place.innerHTML = await answer.text();
  } catch {
    // What stands there stays until the next change.
  }
}

form?.addEventListener("input", (event) => {
  if (!TIMES.includes(event.target.name)) return;
  clearTimeout(timer);
  timer = setTimeout(tell, WAIT_MS);
});
