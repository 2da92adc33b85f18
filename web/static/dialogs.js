// A form with data-confirm asks once, in words that name what is lost, before it is sent:
//   <form data-confirm="Disable Andrea Sonnino? Their sessions end at once.">
// The answer's button says what the form's own button says (or data-confirm-yes). The form is then
// sent with confirmed=1, so that a server that wants to can ask by a page of its own where no
// script has asked. Stands before every other listener of submit, and lets none hear the first try.
export function dialogs() {
  const dialog = document.getElementById("ask");
  if (!dialog?.showModal) return;
  const yes = dialog.querySelector("[data-yes]");
  let asked = null;

  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target;
      const button = event.submitter;
      const words = button?.dataset.confirm ?? form.dataset.confirm;
      if (!words || form.elements.confirmed) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      asked = { form, button };
      dialog.querySelector("#ask-words").textContent = words;
      yes.textContent = form.dataset.confirmYes ?? button?.textContent.trim() ?? yes.textContent;
      yes.classList.toggle("danger", form.dataset.confirmKind !== "plain");
      dialog.returnValue = "";
      dialog.showModal();
    },
    true,
  );

  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(""); // beside the question
  });

  dialog.addEventListener("close", () => {
    const { form, button } = asked ?? {};
    asked = null;
    if (dialog.returnValue !== "yes" || !form?.isConnected) return;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "confirmed", value: "1" });
    form.append(field);
    form.requestSubmit(button?.isConnected ? button : undefined);
    setTimeout(() => field.remove()); // the next time is asked again
  });
}
