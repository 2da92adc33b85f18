// The dashboard with scripts: its forms answer in place, widgets move by pointer and by arrow keys,
// and of what is live only what has changed is put in. live.js fetches the changes into a hidden
// part; from there they are taken to their places.
const CARRIER = document.getElementById("dashboard-changes");
const BOARD = document.getElementById("board");
const SAID = document.getElementById("dashboard-said");
const GALLERY = document.getElementById("gallery");
const AGAIN_MS = 2_000; // figures that are still being prepared are asked for again
const SETTLED_PX = 5; // a pointer that has moved no further has only pressed
const EDGE_PX = 60; // from here to the window's edge the page scrolls along

const zones = () => [...BOARD.querySelectorAll(".zone")];
const widgetsOf = (zone) => [...zone.querySelectorAll(":scope > .widget")];
const widget = (id) => document.getElementById(`widget-${id}`);
const title = (id) => document.getElementById(`title-${id}`)?.textContent ?? "";

const waiting = []; // changes still to be sent
let sending = false; // until all changes are kept, what the server says of the order is old
let lifted = null; // what the pointer holds
let held = null; // changes that came while something was held
let timer = 0;

// What has changed ---------------------------------------------------------------------------------

function settle(root, { ours = false } = {}) {
  if (lifted) {
    held = root;
    return;
  }
  const focused = document.activeElement?.id ?? "";
  const focusedIn = document.activeElement?.closest?.("[data-widget]")?.dataset.widget;
  for (const fresh of root.querySelectorAll("article[data-widget]")) put(fresh);
  for (const fresh of root.querySelectorAll("[data-for]")) fill(fresh);
  const head = root.querySelector("[data-arranged]");
  if (head) {
    if (!sending) arrange(JSON.parse(head.dataset.arranged));
    BOARD.dataset.midnight = head.dataset.midnight;
    BOARD.toggleAttribute("data-waiting", head.hasAttribute("data-waiting"));
  }
  CARRIER.dataset.source = source();
  if (focused && document.activeElement?.id !== focused) refocus(focused, focusedIn, ours);
  wake();
}

function put(fresh) {
  const old = widget(fresh.dataset.widget);
  if (!old) {
    zones()[0].append(fresh); // arrange() takes it to its zone
    return;
  }
  const opened = [...old.querySelectorAll("details[open] > summary[id]")].map((summary) => summary.id);
  const scrolled = old.querySelector(".table-frame")?.scrollLeft ?? 0;
  old.replaceWith(fresh);
  for (const id of opened) document.getElementById(id)?.parentElement.setAttribute("open", "");
  const frame = fresh.querySelector(".table-frame");
  if (frame && scrolled) frame.scrollLeft = scrolled;
}

function fill(fresh) {
  const name = fresh.dataset.for;
  const part = document.getElementById(`dashboard-${name}`);
  if (!part) return;
  const ticked = [...part.querySelectorAll("input:checked:not(:disabled)")].map((input) => input.id);
  part.replaceChildren(...fresh.childNodes);
  if (fresh.dataset.have) part.dataset.have = fresh.dataset.have;
  if (name !== "choices" || !GALLERY.open) return;
  for (const id of ticked) if (document.getElementById(id)?.disabled === false) document.getElementById(id).checked = true;
}

function arrange(order) {
  for (const zone of zones()) {
    const ids = order[zone.dataset.zone];
    ids.forEach((id, index) => {
      const one = widget(id);
      const there = widgetsOf(zone)[index];
      if (one && one !== there) zone.insertBefore(one, there ?? null);
    });
  }
  const all = Object.values(order).flat();
  for (const one of BOARD.querySelectorAll(".widget")) if (!all.includes(one.dataset.widget)) one.remove();
  mark();
}

// The menu of a widget does not lead to where it is.
function mark() {
  for (const zone of zones())
    for (const button of zone.querySelectorAll("[data-to]")) button.disabled = button.dataset.to === zone.dataset.zone;
}

function refocus(id, inWidget, ours) {
  const again = document.getElementById(id);
  if (again && !again.disabled && again.checkVisibility?.() !== false) again.focus({ preventScroll: true });
  else if (ours && document.getElementById("undo")) document.getElementById("undo").focus({ preventScroll: true });
  else if (inWidget) document.getElementById(`menu-${inWidget}`)?.focus({ preventScroll: true });
}

function source() {
  const have = [...document.querySelectorAll(".dashboard [data-have]")].map(
    (part) => `${part.dataset.widget ?? part.dataset.part}.${part.dataset.have}`,
  );
  return `${location.pathname}?${new URLSearchParams({ fragment: "1", have: have.join(",") })}`;
}

async function ask() {
  try {
    const answer = await fetch(source(), { cache: "no-store", redirect: "error" });
    if (answer.ok) settle(parsed(await answer.text()));
    else wake();
  } catch {
    wake(); // live.js says that the line is dead
  }
}

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

// Figures that are prepared are asked for again soon, those of today when the day is over.
function wake() {
  clearTimeout(timer);
  const wait = BOARD.hasAttribute("data-waiting") ? AGAIN_MS : Number(BOARD.dataset.midnight) * 1000 + AGAIN_MS;
  timer = setTimeout(ask, Math.min(wait, 2 ** 31 - 1));
}

new MutationObserver(() => {
  if (!CARRIER.childElementCount) return;
  const arrived = document.createDocumentFragment();
  arrived.append(...CARRIER.childNodes);
  settle(arrived);
}).observe(CARRIER, { childList: true });

// What is changed ----------------------------------------------------------------------------------

// One after the other, so that the last is the one that stays. Moves that wait for their turn go
// together: the answer to the last of many quick keys is not many answers away.
function send(body) {
  const last = waiting.at(-1);
  if (last?.body.has("place") && body.has("place")) {
    last.body.append("place", body.get("place"));
    return last.kept;
  }
  const change = { body };
  change.kept = new Promise((resolve) => (change.answer = resolve));
  waiting.push(change);
  if (!sending) sendWaiting();
  return change.kept;
}

async function sendWaiting() {
  sending = true;
  while (waiting.length) {
    const { body, answer } = waiting.shift();
    const html = await sent(body);
    sending = waiting.length > 0;
    try {
      if (html) settle(parsed(html), { ours: true });
    } catch (error) {
      reportError(error); // the other changes are sent all the same
    }
    answer(html !== "");
  }
}

async function sent(body) {
  try {
    const answer = await post(source(), body);
    if (answer.status === 401) location.reload();
    if (!answer.ok) throw new Error(`${answer.status}`);
    return await answer.text();
  } catch {
    say(SAID.dataset.unsaved, true);
    return "";
  }
}

// Kept alive: a change that is under way arrives though the page is left.
function post(address, body) {
  return fetch(address, { method: "POST", body, redirect: "error", keepalive: true });
}

addEventListener("pagehide", () => {
  for (const { body } of waiting.splice(0)) post(source(), body).catch(() => {});
});

function change(name, value) {
  const body = new URLSearchParams(new FormData(document.getElementById("arrange")));
  body.set(name, value);
  return send(body);
}

function say(words, seen = false) {
  SAID.textContent = words;
  SAID.classList.toggle("unseen", !seen);
  SAID.classList.toggle("notice", seen);
  SAID.classList.toggle("notice-warn", seen);
}

function filled(words, values) {
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function sayWhere(id) {
  const zone = widget(id)?.parentElement;
  if (!zone) return;
  const all = widgetsOf(zone);
  const values = { title: title(id), zone: zone.getAttribute("aria-label"), place: all.indexOf(widget(id)) + 1, count: all.length };
  say(filled(SAID.dataset.moved, values));
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-arrange]") || event.defaultPrevented) return;
  event.preventDefault();
  const button = event.submitter;
  const { name, value } = button ?? {};
  const id = value?.split(" ")[0] ?? "";
  const called = title(id);
  const body = new URLSearchParams(new FormData(form, button));
  const added = body.getAll("widget").filter((one) => !widget(one));
  const menu = button?.closest("details");
  if (menu && form.id === "arrange") {
    menu.open = false;
    menu.querySelector("summary").focus({ preventScroll: true });
  }
  if (!(await send(body))) return;
  if (name === "minimise") say(filled(SAID.dataset.minimised, { title: called }));
  if (name === "restore") say(filled(SAID.dataset.restored, { title: called }));
  if (["up", "down", "place", "open"].includes(name)) sayWhere(id);
  if (["up", "down", "place"].includes(name)) look(id);
  if (name === "open") document.getElementById(`close-${id}`)?.focus();
  if (added.length) {
    GALLERY.open = false;
    say(filled(SAID.dataset.added, { titles: added.map(title).join(", ") }));
    document.getElementById(`grip-${added[0]}`)?.focus({ preventScroll: true });
    look(added[0]);
  }
});

function look(id) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  widget(id)?.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

// Moved to another place at once; the server is told, and is right where it does not agree.
function place(id, zone, index) {
  const others = widgetsOf(zone).filter((one) => one !== widget(id));
  const grip = document.activeElement;
  zone.insertBefore(widget(id), others[index] ?? null);
  if (document.activeElement !== grip) grip?.focus?.({ preventScroll: true });
  mark();
  sayWhere(id);
  return change("place", `${id} ${zone.dataset.zone} ${index}`);
}

// By arrow keys ------------------------------------------------------------------------------------

const COLUMN = { top_left: 0, bottom_left: 0, top_right: 1, bottom_right: 1 };

BOARD.addEventListener("keydown", (event) => {
  const grip = event.target.closest?.("[data-grip]");
  if (!grip || event.ctrlKey || event.altKey || event.metaKey) return;
  const one = grip.closest(".widget");
  const there = destination(one, event.key);
  if (there === undefined) return;
  event.preventDefault();
  if (!there) return;
  place(one.dataset.widget, ...there);
  look(one.dataset.widget);
});

// The zone and place an arrow key leads to; null at the end of the way, undefined for other keys.
function destination(one, key) {
  const zone = one.parentElement;
  const index = widgetsOf(zone).indexOf(one);
  const name = zone.dataset.zone;
  const other = (to) => BOARD.querySelector(`[data-zone="${to}"]`);
  if (key === "ArrowUp") {
    if (index > 0) return [zone, index - 1];
    return name.startsWith("bottom") ? [other(name.replace("bottom", "top")), widgetsOf(other(name.replace("bottom", "top"))).length] : null;
  }
  if (key === "ArrowDown") {
    if (index < widgetsOf(zone).length - 1) return [zone, index + 1];
    return name.startsWith("top") ? [other(name.replace("top", "bottom")), 0] : null;
  }
  if (key !== "ArrowLeft" && key !== "ArrowRight") return undefined;
  const forward = (key === "ArrowRight") === (document.dir !== "rtl");
  if (COLUMN[name] === (forward ? 1 : 0)) return null;
  const beside = other(forward ? name.replace("left", "right") : name.replace("right", "left"));
  return [beside, Math.min(index, widgetsOf(beside).length)];
}

// By pointer ---------------------------------------------------------------------------------------

BOARD.addEventListener("pointerdown", (event) => {
  const grip = event.target.closest?.("[data-grip]");
  if (!grip || event.button) return;
  const one = grip.closest(".widget");
  const from = { x: event.clientX, y: event.clientY };
  grip.setPointerCapture(event.pointerId);
  const stop = new AbortController();
  const listen = (target, name, then) => target.addEventListener(name, then, { signal: stop.signal });
  let at = from;
  const let_go = (drop) => {
    stop.abort();
    if (lifted) put_down(drop);
  };
  listen(grip, "pointermove", (moved) => {
    at = { x: moved.clientX, y: moved.clientY };
    if (!lifted && Math.hypot(at.x - from.x, at.y - from.y) < SETTLED_PX) return;
    if (!lifted) lift(one, () => at);
    follow(at);
  });
  listen(grip, "pointerup", () => let_go(true));
  listen(grip, "pointercancel", () => let_go(false));
  listen(grip, "lostpointercapture", () => let_go(false));
  listen(document, "keydown", (pressed) => pressed.key === "Escape" && let_go(false));
});

function lift(one, where) {
  const shown = document.createElement("div");
  shown.className = "lifted-title";
  shown.textContent = title(one.dataset.widget);
  const drop = document.createElement("div");
  drop.className = "drop-mark";
  document.body.append(shown);
  one.classList.add("is-lifted");
  BOARD.classList.add("is-moving");
  lifted = { one, shown, drop, frame: 0 };
  const scroll = () => {
    if (!lifted) return;
    const { y } = where();
    const by = y < EDGE_PX ? -12 : y > innerHeight - EDGE_PX ? 12 : 0;
    if (by) {
      scrollBy(0, by);
      follow(where());
    }
    lifted.frame = requestAnimationFrame(scroll);
  };
  scroll();
}

function follow({ x, y }) {
  const { shown, drop, one } = lifted;
  shown.style.transform = `translate(${Math.min(x + 12, innerWidth - shown.offsetWidth - 8)}px, ${y + 12}px)`;
  const zone = nearest(x, y);
  const others = widgetsOf(zone).filter((other) => other !== one);
  const before = others.find((other) => {
    const box = other.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  zone.insertBefore(drop, before ?? null);
  lifted.to = [zone, before ? others.indexOf(before) : others.length];
}

function nearest(x, y) {
  const away = (from, to, value) => Math.max(from - value, 0, value - to);
  const far = (zone) => {
    const box = zone.getBoundingClientRect();
    return Math.hypot(away(box.left, box.right, x), away(box.top, box.bottom, y));
  };
  return zones().reduce((best, zone) => (far(zone) < far(best) ? zone : best));
}

function put_down(drop) {
  const { one, shown, drop: dropped, to, frame } = lifted;
  cancelAnimationFrame(frame);
  const was = widgetsOf(one.parentElement).indexOf(one);
  const moved = drop && to && (to[0] !== one.parentElement || to[1] !== was);
  shown.remove();
  dropped.remove();
  one.classList.remove("is-lifted");
  BOARD.classList.remove("is-moving");
  lifted = null;
  if (moved) place(one.dataset.widget, ...to);
  if (held) settle(held);
  held = null;
}

BOARD.classList.add("is-movable");
wake();
