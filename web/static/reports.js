// Reports: selecting one shows its preview without another page; trees stay as they were left;
// a run that takes long gives way to its result. Without scripts all of these are links.
const KEPT = "ringfence-reports-closed";

function closed() {
  try {
    return new Set(JSON.parse(sessionStorage.getItem(KEPT) ?? "[]"));
  } catch {
    return new Set();
  }
}

function trees() {
  const shut = closed();
  for (const tree of document.querySelectorAll("details[data-kept]")) {
    if (shut.has(tree.dataset.kept) && `#${tree.dataset.kept}` !== location.hash) tree.open = false;
    tree.addEventListener("toggle", () => {
      if (tree.open) shut.delete(tree.dataset.kept);
      else shut.add(tree.dataset.kept);
      try {
        sessionStorage.setItem(KEPT, JSON.stringify([...shut]));
      } catch {
        // a browser that keeps nothing opens them all the next time
      }
    });
  }
}

function previews() {
  const preview = document.querySelector("[data-preview]");
  if (!preview) return;
  const said = document.querySelector("[data-selected-said]");
  let asked = 0;

  function mark(link) {
    document.querySelectorAll("[data-select][aria-current]").forEach((one) => one.removeAttribute("aria-current"));
    document.querySelectorAll("[data-selected]").forEach((one) => one.removeAttribute("data-selected"));
    link?.setAttribute("aria-current", "true");
    link?.closest("li").setAttribute("data-selected", "");
  }

  async function show(address) {
    const mine = ++asked;
    const part = new URL(address);
    part.searchParams.delete("done");
    part.searchParams.set("fragment", "1");
    const answer = await fetch(part, { cache: "no-store", redirect: "error" });
    if (!answer.ok) throw new Error(answer.status);
    const html = await answer.text();
    if (mine !== asked) return;
    const template = document.createElement("template");
    template.innerHTML = html;
    preview.replaceChildren(template.content);
    const link = [...document.querySelectorAll("[data-select]")].find((one) => one.search === new URL(address).search);
    mark(link);
    if (link) said.textContent = link.textContent.trim();
    if (preview.getBoundingClientRect().bottom < 120) preview.scrollIntoView({ block: "start" });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-select]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    show(link.href).then(
      () => history.pushState(null, "", link.href),
      () => location.assign(link.href),
    );
  });
  window.addEventListener("popstate", () => show(location.href).catch(() => location.reload()));
}

function runs() {
  const run = document.querySelector("[data-run]");
  if (!run) return;
  const elapsed = run.querySelector("[data-elapsed] bdi");
  const look = async () => {
    try {
      const answer = await fetch(run.dataset.run, { cache: "no-store", redirect: "error" });
      if (answer.status === 401) return location.replace(run.dataset.result);
      const told = await answer.json();
      if (told.over) return location.replace(run.dataset.result);
      elapsed.textContent = told.elapsed;
    } catch {
      // no answer for a moment: the next look asks again
    }
    setTimeout(look, 1000);
  };
  setTimeout(look, 500);
}

trees();
previews();
runs();
