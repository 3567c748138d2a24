// What pages do with a script. Everything also works with plain forms.

const hasWords = (boxes) => [...boxes].some((box) => box.value.trim());

// Enter sends, as on a phone; Shift+Enter starts a new line.
document.addEventListener("keydown", (event) => {
  const box = event.target;
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  if (!(box instanceof HTMLTextAreaElement) || !("enterSends" in box.dataset)) return;
  event.preventDefault();
  box.form.requestSubmit();
});

// Sentences in the reader's language.
const says = JSON.parse(document.querySelector("#connection").dataset.says);

const problemOf = (form) => form.querySelector(".problem");
const sentWords = new WeakMap();

document.addEventListener("htmx:before:request", (event) => {
  const form = event.target.closest("form");
  const box = form?.querySelector("[data-sent-words]");
  if (!form) return;
  if (problemOf(form)) problemOf(form).textContent = "";
  if (box) sentWords.set(form, box.value);
});

// Sent words leave their box. Words that were not sent stay, and the page says why.
document.addEventListener("htmx:finally:request", (event) => {
  const form = event.target.closest("form");
  if (!form) return;
  const ctx = event.detail.ctx;
  const status = ctx.response?.status ?? 0;
  if (status >= 200 && status < 400) {
    const box = form.querySelector("[data-sent-words]");
    const sent = sentWords.get(form);
    if (box && sent !== undefined && box.value.startsWith(sent)) {
      // Keep what was typed while the request was running.
      box.value = box.value.slice(sent.length).trimStart();
    }
    window.htmx.trigger(document.body, "changed");
    return;
  }
  const sentence = (status && ctx.text) || says.unreachable;
  if (problemOf(form)) problemOf(form).textContent = sentence;
});

// Reload when the handoff changed hands, unless that would lose words.
document.addEventListener("htmx:after:swap", () => {
  const shown = document.querySelector("#now")?.dataset.status;
  const current = document.querySelector("#handoff-status")?.dataset.status;
  const unsent = hasWords(document.querySelectorAll("textarea"));
  if (shown && current && shown !== current && !unsent) window.location.reload();
});

// Ask before leaving a page with unsent words.
window.addEventListener("beforeunload", (event) => {
  if (hasWords(document.querySelectorAll("[data-unsent]"))) event.preventDefault();
});

// Show passwords while their form's box is checked. Without scripts there is no box.
for (const choice of document.querySelectorAll("[data-shows-passwords]")) {
  const fields = choice.closest("form").querySelectorAll("input[type=password]");
  choice.hidden = false;
  choice.addEventListener("change", (event) => {
    for (const field of fields) field.type = event.target.checked ? "text" : "password";
  });
}

// Show when the page no longer gets changes.
const say = (words) => {
  const connection = document.querySelector("#connection");
  if (connection) connection.textContent = words;
};
document.addEventListener("htmx:sse:error", () => say(says.lost));
document.addEventListener("htmx:sse:after:connection", () => say(""));
document.addEventListener("htmx:response:error", (event) => {
  if (event.detail.ctx.response.status !== 401) return;
  say(says.signed_out);
  if (!event.target.hasAttribute("hx-trigger")) return;
  // The next person at this screen must not read what was on it. Unsent words stay.
  for (const shown of document.querySelectorAll("[hx-get], .brief")) shown.replaceChildren();
  if (!hasWords(document.querySelectorAll("textarea"))) window.location.reload();
});
