// The chat's script. Everything also works with plain forms.

const one = (selector) => document.querySelector(selector);

// Send a form once, even after a double click.
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.gone) event.preventDefault();
    form.dataset.gone = "yes";
    setTimeout(() => delete form.dataset.gone, 8000);
  });
}

const main = one("[data-chat]");
// Sentences in the mentee's language.
const says = main ? JSON.parse(main.dataset.says) : {};
if (main && !("earlier" in main.dataset)) begin();

function begin() {
  const thread = one("#thread");
  const said = one("#said");
  const problem = one("#problem");
  const again = one("#again");
  const box = one("#words");
  let last = Number(main.dataset.after);
  let source = null;
  let heardAt = 0;
  let retry = null;

  const newKey = () => [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(16).padStart(2, "0")).join("");

  // --- connection ---

  const connection = (words) => {
    const place = one("#connection");
    if (place.textContent !== words) place.textContent = words;
  };

  // --- messages, each once and in order ---

  const atEnd = () => thread.scrollHeight - thread.scrollTop - thread.clientHeight < 120;
  const toEnd = () => { thread.scrollTop = thread.scrollHeight; };

  // Keep the newest message in view when the thread shrinks, unless the mentee scrolled up.
  let following = true;
  thread.addEventListener("scroll", () => { following = atEnd(); });
  new ResizeObserver(() => { if (following) toEnd(); }).observe(thread);

  function place(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const item = holder.content.firstElementChild;
    if (!item || document.getElementById(item.id)) return;
    const follow = following || item.classList.contains("mine");
    const id = Number(item.dataset.id);
    const next = [...said.children].find((other) => Number(other.dataset.id) > id);
    item.classList.add("new");
    said.insertBefore(item, next || null);
    one(".thread .empty")?.remove();
    if (follow) { following = true; toEnd(); }
    tellSeen();
  }

  function update(news) {
    if (one("#thread-status").innerHTML !== news.status) one("#thread-status").innerHTML = news.status;
    if (!one("#choice-buttons").contains(document.activeElement) || news.choices.trim() === "") {
      one("#choice-buttons").innerHTML = news.choices;
    } else if (one("#choice-buttons").innerHTML !== news.choices) {
      one("#choice-buttons").innerHTML = news.choices;
      box.focus();
    }
    for (const [id, state] of Object.entries(news.states)) {
      const item = document.getElementById(`m${id}`);
      if (!item) continue;
      if (state === "withdrawn") { item.remove(); continue; }
      const mark = item.querySelector(".state");
      const said = news.says[state] || state;
      if (mark.textContent !== said) mark.textContent = said;
      mark.classList.toggle("failed", state.startsWith("failed"));
      if (state !== "sent") delete item.dataset.unseen;
    }
  }

  // Report what the mentee has seen, so that we send no text about it.
  let seenSoon = 0;
  function tellSeen() {
    clearTimeout(seenSoon);
    seenSoon = setTimeout(async () => {
      const waiting = said.querySelectorAll("[data-unseen]");
      if (document.visibilityState !== "visible" || !waiting.length) return;
      const upTo = waiting[waiting.length - 1].dataset.id;
      const answer = await post("/chat/seen", { up_to: upTo }).catch(() => null);
      if (answer?.ok) for (const item of waiting) delete item.dataset.unseen;
    }, 250);
  }

  function listen() {
    source?.close();
    source = new EventSource(`/chat/live?after=${last}`);
    source.addEventListener("open", () => { heardAt = Date.now(); connection(""); });
    source.addEventListener("message", (event) => {
      heardAt = Date.now();
      last = Math.max(last, Number(event.lastEventId));
      place(event.data);
    });
    source.addEventListener("status", (event) => {
      heardAt = Date.now();
      connection("");
      update(JSON.parse(event.data));
    });
    source.addEventListener("signed-out", signedOut);
    source.addEventListener("elsewhere", () => pause(says.elsewhere));
    source.addEventListener("error", () => {
      connection(navigator.onLine ? says.connection_lost : says.offline);
      if (source.readyState === EventSource.CLOSED) setTimeout(askWhy, 2000);
    });
  }

  // A refused stream does not retry and gives no reason.
  async function askWhy() {
    const answer = await post("/chat/seen", { up_to: "0" }).catch(() => null);
    if (answer?.status === 401) signedOut();
    else listen();
  }

  function pause(why) {
    source?.close();
    connection(why);
    addEventListener("focus", listen, { once: true });
  }

  // A shared device must not go on showing what was said. Unsent words stay in the box.
  function signedOut() {
    said.replaceChildren();
    last = 0;
    pause(says.signed_out);
  }

  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    tellSeen();
    if (source?.readyState !== EventSource.OPEN || Date.now() - heardAt > 60000) listen();
  });
  addEventListener("online", listen);

  // --- sending ---

  const post = (path, fields) => fetch(path, {
    method: "POST",
    headers: { "X-Chat": "1" },
    body: new URLSearchParams(fields),
    signal: AbortSignal.timeout(15000),
  });

  const say = (words, canRetry) => {
    problem.querySelector("span").textContent = words;
    problem.hidden = !words;
    again.hidden = !canRetry;
  };

  async function send(form, words, key, button) {
    if (form.dataset.gone) return;
    form.dataset.gone = "yes";
    button?.setAttribute("disabled", "");
    say("");
    const answer = await post("/chat", { words, key }).catch(() => null);
    delete form.dataset.gone;
    button?.removeAttribute("disabled");
    if (answer?.ok) {
      // A retry keeps its key; only a delivered message gets a new one.
      form.elements.key.value = newKey();
      retry = null;
      if (form.id === "write" && box.value.startsWith(words)) box.value = box.value.slice(words.length).trimStart();
      place(await answer.text());
      return;
    }
    retry = () => send(form, form.id === "write" ? box.value : words, form.elements.key.value, button);
    if (answer?.status === 401) addEventListener("focus", listen, { once: true });
    const why = answer && answer.status < 500 ? await answer.text() : form.id === "write" ? says.lost : says.not_sent.replace("{words}", words);
    say(why, true);
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("sends" in form.dataset)) return;
    event.preventDefault();
    const button = event.submitter;
    const words = form.id === "write" ? box.value : button?.value;
    if (words?.trim()) send(form, words, form.elements.key.value, button);
  });
  again.addEventListener("click", () => retry?.());

  // Enter sends, as on a phone; Shift+Enter starts a new line.
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    box.form.requestSubmit();
  });

  // Ask before leaving the page with unsent words.
  addEventListener("beforeunload", (event) => {
    if (box.value.trim()) event.preventDefault();
  });

  toEnd();
  tellSeen();
  listen();
}
