// A form cannot use a passkey by itself. This asks the browser to sign, and sends the signature in a
// plain form.

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const textOf = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

const known = (keys) => (keys ?? []).map((key) => ({ ...key, id: bytesOf(key.id) }));

const asked = {
  add: (options) =>
    navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: bytesOf(options.challenge),
        user: { ...options.user, id: bytesOf(options.user.id) },
        excludeCredentials: known(options.excludeCredentials),
      },
    }),
  use: (options) =>
    navigator.credentials.get({
      publicKey: {
        ...options,
        challenge: bytesOf(options.challenge),
        allowCredentials: known(options.allowCredentials),
      },
    }),
};

const answerOf = (key) => {
  const response = { clientDataJSON: textOf(key.response.clientDataJSON) };
  for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (key.response[part]) response[part] = textOf(key.response[part]);
  }
  return JSON.stringify({ id: key.id, rawId: textOf(key.rawId), type: key.type, response, clientExtensionResults: {} });
};

const sentenceFor = (error, says) => {
  if (error instanceof TypeError) return says.unreachable;
  if (error.name === "NotAllowedError") return says.stopped;
  if (error.name === "InvalidStateError") return says.known;
  if (error.name === "SecurityError") return says.elsewhere;
  return says.failed;
};

const run = async (form) => {
  const said = form.querySelector(".problem");
  const button = form.querySelector("button");
  said.textContent = "";
  button.disabled = true;
  try {
    const options = await fetch(form.dataset.options, { method: "POST", headers: { "HX-Request": "true" } });
    if (!options.ok) {
      said.textContent = await options.text();
      return;
    }
    form.elements.answer.value = answerOf(await asked[form.dataset.passkey](await options.json()));
    form.submit();
  } catch (error) {
    said.textContent = sentenceFor(error, JSON.parse(form.dataset.says));
  } finally {
    button.disabled = false;
  }
};

const forms = window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : [];
for (const form of forms) {
  form.hidden = false;
  form.parentElement.querySelector("[data-no-passkeys]")?.remove();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(form);
  });
}
