// Keyboard shortcuts and drafts. Everything also works with links and forms. Shortcuts do nothing
// while someone types, and can be switched off.

const STORAGE = "warmline-keys";
const keys = document.querySelector("#keys");
const choice = document.querySelector("#use-keys");

// Without local storage, the shortcuts are on.
const stored = (value) => {
  try {
    if (value !== undefined) window.localStorage.setItem(STORAGE, value);
    return window.localStorage.getItem(STORAGE);
  } catch {
    return null;
  }
};

if (choice) {
  choice.checked = stored() !== "off";
  choice.closest("label").hidden = false;
  choice.addEventListener("change", () => stored(choice.checked ? "on" : "off"));
}

const types = (at) =>
  at instanceof HTMLElement && (at.isContentEditable || at.matches("input, textarea, select"));

// The list reloads by itself, so remember the last row in use by its id.
const rows = () => [...document.querySelectorAll("[data-row]")];
let lastRow = "";

const here = () => {
  const row = document.activeElement?.closest("li");
  const link = row?.querySelector("[data-row]");
  return link ?? (lastRow ? document.getElementById(lastRow)?.querySelector("[data-row]") : null);
};

document.addEventListener("focusin", (event) => {
  const row = event.target.closest("li");
  if (row?.querySelector("[data-row]")) lastRow = row.id;
});

const step = (by) => {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(here());
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1);
  all[next].focus();
  return true;
};

const press = (button) => {
  if (!button || button.disabled) return false;
  button.click();
  return true;
};

const take = () => {
  if (!rows().length) return press(document.querySelector("[data-take]"));
  return press(here()?.closest("li").querySelector("[data-take]"));
};

const reply = () => {
  const box = document.querySelector("#words");
  box?.focus();
  return Boolean(box);
};

const help = () => {
  if (!keys) return false;
  keys.open = !keys.open;
  if (keys.open) keys.querySelector("summary").focus();
  return true;
};

const DOES = {
  j: () => step(1),
  k: () => step(-1),
  ArrowDown: () => step(1),
  ArrowUp: () => step(-1),
  t: take,
  r: reply,
  "?": help,
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (types(event.target) || (choice && !choice.checked)) return;
  // The arrow keys scroll the thread.
  if (event.key.startsWith("Arrow") && event.target.closest?.("[role=log]")) return;
  if (DOES[event.key]?.()) event.preventDefault();
});

// A draft goes into the message box after what is there. Only the mentor sends it.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-draft]");
  const draft = link && document.getElementById(link.dataset.draft)?.textContent;
  const box = document.querySelector("#words");
  if (!draft || !box || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const before = box.value.trimEnd();
  box.value = before ? `${before} ${draft}` : draft;
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
});

// Open the brief only where it fits beside the thread.
if (window.matchMedia("(min-width: 62.01rem)").matches) {
  document.querySelectorAll("[data-open-when-wide]").forEach((part) => { part.open = true; });
}
