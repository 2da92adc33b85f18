// "/" goes to the search, unless somebody is typing.
const TYPING = "input:not([type=checkbox], [type=radio], [type=button], [type=submit]), textarea, select, [contenteditable]";

export function keys() {
  const field = document.querySelector("[data-find]");
  if (!field) return;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target === field) field.blur();
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.defaultPrevented || event.target.closest?.(TYPING) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (field.checkVisibility?.() ?? field.offsetParent) {
      field.focus();
      field.select();
    } else {
      document.querySelector(".find-link").click(); // a narrow bar has a link in its place
    }
  });
}
