// Live parts of a page. The stream says which part to fetch again; the server renders it.
// After sleep, a lost connection or a page taken back from the browser's cache everything is fetched.

const SILENCE_MS = 40_000; // the server speaks every 15 s: longer silence is a dead line
const SAY_STALE_AFTER_MS = 4_000; // a reconnect shorter than this is nobody's business
const HIDDEN_FOR_MS = 30_000; // a page nobody sees lets go of its connection

export function liveParts() {
  const parts = [...document.querySelectorAll("[data-live]")];
  const banner = document.querySelector("[data-stale]");
  const waiting = new Map(); // part -> "again" while a fetch is under way
  let source = null;
  let heardAt = Date.now();
  let brokenAt = 0;
  let failures = 0;
  let hideTimer = 0;
  let retryTimer = 0;
  let leaving = false;

  const wants = (part, names) =>
    names.includes("all") || part.dataset.live.split(" ").some((name) => names.includes(name));

  function swap(part, html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    if (part.innerHTML === template.innerHTML) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const open = [...part.querySelectorAll("details")].flatMap((details, index) => (details.open ? [index] : []));
    const scroll = part.querySelector(".table-frame")?.scrollLeft ?? 0;
    part.replaceChildren(template.content);
    part.querySelectorAll("details").forEach((details, index) => (details.open = open.includes(index)));
    const frame = part.querySelector(".table-frame");
    if (frame) frame.scrollLeft = scroll;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  async function refresh(part) {
    if (!part) return;
    if (waiting.has(part)) {
      waiting.set(part, "again");
      return;
    }
    waiting.set(part, "");
    try {
      const answer = await fetch(part.dataset.source, { cache: "no-store", redirect: "error" });
      if (answer.status === 401) return signIn();
      if (answer.ok) swap(part, await answer.text());
      else lost();
    } catch {
      lost();
    }
    const again = waiting.get(part) === "again";
    waiting.delete(part);
    if (again) await refresh(part);
  }

  function look(names) {
    for (const part of parts) if (wants(part, names)) refresh(part);
  }

  function signIn() {
    if (leaving) return; // signing out leads to the door by itself
    const here = location.pathname + location.search;
    location.assign(`/login?next=${encodeURIComponent(here)}`);
  }

  function lost() {
    brokenAt ||= Date.now();
    if (Date.now() - brokenAt < SAY_STALE_AFTER_MS) return;
    const time = new Date(heardAt).toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
    banner.textContent = banner.dataset.text.replace("{time}", time);
    banner.hidden = false;
  }

  function heard() {
    heardAt = Date.now();
    failures = 0;
    brokenAt = 0;
    banner.hidden = true;
  }

  function close() {
    source?.close();
    source = null;
    clearTimeout(retryTimer);
  }

  function connect() {
    close();
    source = new EventSource("/live");
    source.addEventListener("look", (event) => {
      heard();
      look(event.data.split(" "));
    });
    source.addEventListener("beat", heard);
    source.addEventListener("signed-out", signIn);
    source.addEventListener("error", () => {
      lost();
      const given = source?.readyState === EventSource.CLOSED;
      if (!given) return;
      close();
      failures += 1;
      if (failures === 1) look(["all"]); // a session that ended answers 401 and leads to the door
      retryTimer = setTimeout(connect, Math.min(1000 * 2 ** failures, 30_000));
    });
  }

  function awake() {
    clearTimeout(hideTimer);
    if (!source || Date.now() - heardAt > SILENCE_MS) connect();
    look(["all"]);
  }

  const api = { swap, refresh, lost };
  if (!parts.length || !window.EventSource) return api;

  connect();
  setInterval(() => {
    if (document.hidden || !source) return;
    if (Date.now() - heardAt > SILENCE_MS) connect();
    if (brokenAt || source.readyState !== EventSource.OPEN) lost();
  }, 5_000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hideTimer = setTimeout(close, HIDDEN_FOR_MS);
    else awake();
  });
  window.addEventListener("pageshow", (event) => event.persisted && awake());
  window.addEventListener("online", awake);
  document.addEventListener("submit", (event) => (leaving ||= event.target.getAttribute("action") === "/logout"));
  window.addEventListener("pagehide", close);
  return api;
}
