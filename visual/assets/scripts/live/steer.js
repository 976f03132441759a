// Sends requests to the run, and shows the answers. Cancelling needs a second click.

import { button, byId, make } from "#page/base/dom.js";

const SURE = 4000;

async function steer(number, verb, argument, name) {
  say(`${name}: asked`, "pending");
  try {
    const response = await fetch(`/runs/${number}/${verb}`, {
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
  const line = byId("answer");
  line.dataset.state = state;
  line.textContent = text;
}

// Which clicks wait for a second one is kept outside the buttons, which are made anew with each change.
class Sure {
  constructor() {
    this.until = new Map();
  }

  button(label, action) {
    const at = () => (this.until.get(label) ?? 0) - Date.now();
    const found = button(
      label,
      () => {
        if (at() > 0) {
          this.until.delete(label);
          show();
          action();
        } else {
          this.until.set(label, Date.now() + SURE);
          show();
        }
      },
      { class: "ending" },
    );
    const show = () => {
      found.textContent = at() > 0 ? `${label}: sure?` : label;
      if (at() > 0) setTimeout(show, at() + 10);
    };
    show();
    return found;
  }
}

// The buttons for the run, in the bar that stays in view.
export function setUpSteering(data) {
  const sure = new Sure();
  const ask = (verb, argument, name) => steer(data.live.number, verb, argument, name);
  const pause = button("Pause", () => ask("pause", {}, "Pause"));
  const resume = button("Resume", () => ask("resume", {}, "Resume"));
  const cancel = sure.button("Cancel run", () => ask("cancel", {}, "Cancel run"));
  const answer = make("span", { id: "answer", role: "status" });
  byId("theme").before(
    make(
      "div",
      { class: "tools", id: "steering", role: "group", "aria-label": "Steer the run" },
      answer,
      pause,
      resume,
      cancel,
    ),
  );
  byId("nav").prepend(make("a", { href: "/" }, "Runs"));
  const show = () => {
    const over = ["success", "failure", "stalled", "cancelled"].includes(data.run.state);
    pause.hidden = over || data.live.paused;
    resume.hidden = over || !data.live.paused;
    cancel.hidden = over;
  };
  const actions = (model, row) => {
    if (model.status(row) !== "active") return [];
    const [path, sequence] = [model.path(row), model.tasks.sequence[row]];
    return [
      make(
        "p",
        {},
        sure.button(`Cancel ${path}@${sequence}`, () =>
          ask("cancel", { path, sequence }, `Cancel ${path}@${sequence}`),
        ),
      ),
    ];
  };
  show();
  return { show, actions };
}
