// Sends requests to the server, and shows what has become of them, above whatever else is open.

import { button, byId, make } from "#page/base/dom.js";

export async function ask(path, argument, name) {
  say(`${name}: asked`, "pending");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(argument),
    });
    const text = await response.text();
    const answer = text.startsWith("{") ? JSON.parse(text) : { refused: text.trim() };
    if (answer.answer) say(`${name}: ${answer.answer}`, "success");
    else say(`${name}: ${answer.refused}`, "failure");
  } catch {
    say(`${name}: the server does not answer`, "failure");
  }
}

function say(text, state) {
  if (!byId("answer")) {
    const close = button("×", () => byId("answer").remove(), { class: "quiet", "aria-label": "Close the answer" });
    document.body.append(make("p", { id: "answer", role: "status" }, make("span"), close));
  }
  const line = byId("answer");
  line.dataset.state = state;
  line.firstChild.textContent = text;
}
