// A question before something is done: a dialog with perhaps some fields, whose values are the answer.

import { button, make } from "#page/base/dom.js";

// Resolves to the values of the fields by their names, or to null where the reader thinks better of it.
export function confirmed({ title, text, action, fields = [], ending = false }) {
  const inputs = fields.map(({ name, label, value, choices }) => [
    name,
    label,
    choices
      ? make("select", {}, ...choices.map(([word, meaning]) => make("option", { value: word }, meaning)))
      : make("input", { type: "text", value, autocomplete: "off", spellcheck: "false" }),
  ]);
  const dialog = make("dialog", { "aria-labelledby": "question" });
  return new Promise((resolve) => {
    let answer = null;
    const agree = () => {
      answer = Object.fromEntries(inputs.map(([name, , input]) => [name, input.value]));
      dialog.close();
    };
    dialog.append(
      make("h3", { id: "question" }, title),
      make("p", {}, text),
      ...inputs.map(([, label, input]) => make("label", {}, make("span", {}, label), input)),
      make(
        "div",
        { class: "tools" },
        button("Not now", () => dialog.close()),
        button(action, agree, { class: ending ? "ending" : "doing" }),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
