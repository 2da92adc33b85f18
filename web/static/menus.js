// A menu is <details>: it opens without us. We close it on Escape and on a click elsewhere.
export function menus() {
  const open = () => document.querySelectorAll("details[data-menu][open]"); // parts of a page come and go
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}
