// The options of a report in place: controls follow their ticks, rows and columns change without a
// journey to the server, lists complete what is typed after the last semicolon. Without this script
// the same buttons send the form.
const form = document.querySelector("form[data-options]");

// Ticks ---------------------------------------------------------------------------------------------

function follow(option) {
  option.querySelector(".option-controls").disabled = !option.querySelector("input[name=on]").checked;
}

function followAll() {
  for (const option of form.querySelectorAll("[data-option]")) follow(option);
}

// What goes with a choice ---------------------------------------------------------------------------

function showWhatGoes() {
  for (const element of form.querySelectorAll("[data-when]")) {
    const [name, value] = element.dataset.when.split("=");
    element.hidden = form.elements.namedItem(name).value !== value;
  }
}

// A person's list is known by login: their names are what the list shows beside it.
function sourceOf(input) {
  const from = input.dataset.listFrom;
  if (!from) return input.dataset.source;
  const kind = form.elements.namedItem(from).value;
  return `choices-${kind === "person" ? "login" : kind}`;
}

const quoted = (name) => (name.includes(";") || name.startsWith('"') ? `"${name.replaceAll('"', '""')}"` : name);

// The browser offers whole values, so each is offered with what was typed before it.
function complete(input) {
  const source = document.getElementById(sourceOf(input));
  const before = input.value.slice(0, input.value.lastIndexOf(";") + 1);
  const known = `${source?.id}|${before}`;
  if (input.dataset.known === known) return;
  input.dataset.known = known;
  const own = document.getElementById(`${input.id}-offered`);
  const lead = before && `${before} `;
  own.replaceChildren(...[...(source?.options ?? [])].map((option) => new Option(option.label, `${lead}${quoted(option.value)}`)));
}

function ownList(input) {
  input.dataset.source = input.getAttribute("list");
  const own = document.createElement("datalist");
  own.id = `${input.id}-offered`;
  input.after(own);
  input.setAttribute("list", own.id);
  complete(input);
}

// Restrictions --------------------------------------------------------------------------------------

const rows = form?.querySelector("[data-rows]");
const said = form?.querySelector("[data-said]");

function fit(row) {
  const field = row.querySelector("[data-field]").selectedOptions[0];
  const operators = field.dataset.operators?.split(" ") ?? [];
  const operator = row.querySelector("[data-operator]");
  for (const option of operator.options) option.hidden = option.disabled = operators.length > 0 && !operators.includes(option.value);
  if (operator.selectedOptions[0]?.disabled) operator.value = operators[0];
  const value = row.querySelector("[data-value]");
  value.placeholder = field.dataset.example ?? "";
  if (field.dataset.values) value.setAttribute("list", field.dataset.values);
  else value.removeAttribute("list");
}

function add() {
  const numbers = [...rows.querySelectorAll("[data-remove]")].map((button) => Number(button.value));
  const number = Math.max(0, ...numbers) + 1;
  const template = form.querySelector("[data-row-template]");
  rows.insertAdjacentHTML("beforeend", template.innerHTML.replaceAll("NUMBER", number));
  fit(rows.lastElementChild);
  rows.lastElementChild.querySelector("[data-field]").focus();
  count();
}

function remove(row) {
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  if (next) next.querySelector("[data-remove]").focus();
  else add();
  count();
}

function count() {
  form.querySelector("[data-add]").disabled = rows.children.length >= Number(rows.dataset.most);
}

// Columns -------------------------------------------------------------------------------------------

const columns = form?.querySelector("[data-columns]");

function ends() {
  for (const item of columns.children) {
    item.querySelector('[data-move="-1"]').disabled = item === columns.firstElementChild;
    item.querySelector('[data-move="1"]').disabled = item === columns.lastElementChild;
  }
}

function move(button) {
  const item = button.closest("[data-column]");
  if (button.dataset.move === "-1") item.previousElementSibling?.before(item);
  else item.nextElementSibling?.after(item);
  ends();
  const other = item.querySelector(`[data-move]:not([disabled])`);
  (button.disabled ? other : button)?.focus();
  said.textContent = columns.dataset.moved
    .replace("{column}", item.querySelector("span").textContent)
    .replace("{place}", [...columns.children].indexOf(item) + 1)
    .replace("{count}", columns.children.length);
}

// Together ------------------------------------------------------------------------------------------

const inPlace = {
  "[data-add]": () => add(),
  "[data-remove]": (button) => remove(button.closest("[data-row]")),
  "[data-move]": move,
};

if (form) {
  form.addEventListener("click", (event) => {
    for (const [selector, change] of Object.entries(inPlace)) {
      const button = event.target.closest(selector);
      if (!button) continue;
      event.preventDefault();
      change(button);
      return;
    }
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "on") followAll();
    const row = event.target.matches("[data-field]") && event.target.closest("[data-row]");
    if (row) fit(row);
    showWhatGoes();
    for (const input of form.querySelectorAll("[data-list]")) complete(input);
  });
  form.addEventListener("input", (event) => {
    if (event.target.matches("[data-list]")) complete(event.target);
  });
  // What stands in a part without its tick is sent along, has no effect, and is there again after.
  form.addEventListener("submit", () => {
    for (const controls of form.querySelectorAll(".option-controls")) controls.disabled = false;
  });
  addEventListener("pageshow", () => {
    followAll();
    showWhatGoes();
  });
  for (const row of rows.children) fit(row);
  for (const input of form.querySelectorAll("[data-list]")) ownList(input);
  ends();
  followAll();
  showWhatGoes();
}
