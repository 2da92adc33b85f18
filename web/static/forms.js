// Forms that answer in place, selects that apply at once. Without scripts both are ordinary forms.
export function forms(live) {
  for (const element of document.querySelectorAll("[data-hide]")) element.hidden = true;
  let keyed = null; // arrow keys change a select at every step: then Enter or its button applies it
  document.addEventListener("pointerdown", () => (keyed = null), true);
  document.addEventListener("keydown", (event) => {
    const select = event.target;
    if (event.key === "Tab" || !select.matches?.("select[data-submit]")) return;
    if (event.key === "Enter" && keyed === select) {
      event.preventDefault();
      select.form.requestSubmit();
      return;
    }
    keyed = select;
    for (const element of select.form.querySelectorAll("[data-hide]")) element.hidden = false;
  });
  document.addEventListener("change", (event) => {
    const select = event.target;
    if (select.matches("select[data-submit]") && keyed !== select) select.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const part = form.closest("[data-live]");
    if (!form.matches("[data-enhance]") || !part) return;
    event.preventDefault();
    send(form, event.submitter, part, live);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-refresh]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    live.refresh(link.closest("[data-live]"));
  });
}

async function send(form, button, part, live) {
  if (form.getAttribute("aria-busy") === "true") return;
  form.setAttribute("aria-busy", "true");
  const body = new FormData(form, button);
  const address = new URL(form.action);
  address.searchParams.set("fragment", "1");
  try {
    const answer = await fetch(address, { method: "POST", body: new URLSearchParams(body), redirect: "error" });
    const html = await answer.text();
    if (html && (answer.ok || answer.status === 503)) live.swap(part, html);
    else form.submit();
  } catch {
    live.lost();
  } finally {
    form.removeAttribute("aria-busy");
  }
}
