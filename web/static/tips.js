// What stands in `title` shown at once, on hover and on focus, for everything with data-tip. One tip
// for the whole page, in the top layer, so that no table cuts it off. Without scripts: the title.
const WAIT_MS = 250;
const GAP = 6;

export function tips() {
  if (!("popover" in HTMLElement.prototype)) return;
  const tip = document.createElement("div");
  tip.className = "tip-words";
  tip.id = "tip";
  tip.role = "tooltip";
  tip.popover = "manual";
  document.body.append(tip);
  let owner = null;
  let timer = 0;

  function show(element) {
    if (!element.isConnected || !element.title) return;
    owner = element;
    tip.textContent = element.title;
    if (element.getAttribute("aria-label") !== element.title) element.setAttribute("aria-describedby", "tip");
    element.title = ""; // or the browser shows its own beside ours
    tip.showPopover();
    place();
  }

  function place() {
    const at = owner.getBoundingClientRect();
    const own = tip.getBoundingClientRect();
    const left = at.left + at.width / 2 - own.width / 2;
    const above = at.top - own.height - GAP;
    tip.style.left = `${Math.max(4, Math.min(left, document.documentElement.clientWidth - own.width - 4))}px`;
    tip.style.top = `${above < 4 ? at.bottom + GAP : above}px`;
  }

  function hide() {
    clearTimeout(timer);
    if (!owner) return;
    owner.title = tip.textContent;
    if (owner.getAttribute("aria-describedby") === "tip") owner.removeAttribute("aria-describedby");
    owner = null;
    tip.hidePopover();
  }

  function come(event, wait) {
    const element = event.target.closest?.("[data-tip]");
    if (element && element === owner) return;
    hide();
    if (!element) return;
    timer = setTimeout(() => show(element), wait);
  }

  document.addEventListener("pointerover", (event) => event.pointerType !== "touch" && come(event, WAIT_MS));
  document.addEventListener("pointerout", (event) => {
    const element = event.target.closest?.("[data-tip]");
    if (element && !element.contains(event.relatedTarget)) hide();
  });
  document.addEventListener("focusin", (event) => event.target.matches(":focus-visible") && come(event, 0));
  document.addEventListener("focusout", hide);
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  const moved = () => owner && (owner.matches(":focus") ? place() : hide()); // focus itself may scroll
  document.addEventListener("scroll", moved, { capture: true, passive: true });
}
