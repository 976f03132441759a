// The buttons for a run: what can be asked of it, each with a question before anything starts or ends.

import { button, byId, make } from "#page/base/dom.js";
import { ask } from "#page/live/ask.js";
import { confirmed } from "#page/live/confirm.js";

const OVER = ["success", "failure", "stalled", "cancelled"];
const GOING_ON = {
  recover: ["Recover", "What has succeeded is skipped, and everything else runs again, in an engine of its own."],
  continue: ["Continue", "It continues where it stopped, in an engine of its own. Failed steps stay failed."],
};
const EXTENTS = [
  ["also", "This and what a recovery runs anyway"],
  ["only", "Only this"],
  ["downstream", "This and all that depends on it"],
];

// The buttons for the run, in the bar that stays in view, and those for an instance.
export function setUpSteering(data) {
  const send = (verb, argument, name) => ask(`${location.pathname}/${verb}`, argument, name);
  const pause = button("Pause", () => send("pause", {}, "Pause"));
  const resume = button("Resume", () => send("resume", {}, "Resume"));
  const cancel = button("Cancel run", () => cancelled(send, {}, "Cancel run"), { class: "ending" });
  const goOn = Object.entries(GOING_ON).map(([verb, [label, text]]) => {
    const act = async () => {
      const paused = data.live.paused ? " The run is paused: nothing starts until it is resumed." : "";
      const question = { title: `${label} run ${data.run.id}?`, text: text + paused, action: label };
      if (await confirmed(question)) send(verb, {}, label);
    };
    return [verb, button(label, act, { class: "doing" })];
  });
  const tools = { class: "tools", id: "steering", role: "group", "aria-label": "Steer the run" };
  byId("theme").before(make("div", tools, pause, resume, ...goOn.map(([, found]) => found), cancel));
  byId("nav").prepend(make("a", { href: "/" }, "Runs"));
  const show = () => {
    const over = OVER.includes(data.run.state);
    pause.hidden = over || data.live.paused;
    resume.hidden = over || !data.live.paused;
    cancel.hidden = over;
    for (const [verb, found] of goOn) found.hidden = !data.run.verbs.includes(verb);
  };
  show();
  return { show, actions: (model, row) => ofInstance(model, row, send) };
}

function ofInstance(model, row, send) {
  const [path, sequence, status] = [model.path(row), model.tasks.sequence[row], model.status(row)];
  const named = { path, sequence };
  if (status === "active") {
    const waits = model.steps[model.tasks.step[row]].wait;
    return [...(waits ? [answering(send, named)] : []), cancelling(send, named)];
  }
  if (status === "ready" || status === "interrupted") return [];
  const name = `Rerun ${path}@${sequence}`;
  return [
    make(
      "p",
      {},
      button(name, () => rerun(send, named, name, model.run.held)),
    ),
  ];
}

function cancelling(send, named) {
  const name = `Cancel ${named.path}@${named.sequence}`;
  return make(
    "p",
    {},
    button(name, () => cancelled(send, named, name), { class: "ending" }),
  );
}

function answering(send, named) {
  const name = `Answer ${named.path}@${named.sequence}`;
  return make(
    "p",
    {},
    button(name, () => answered(send, named, name), { class: "doing" }),
  );
}

async function answered(send, named, name) {
  const text = 'Its value, which is its result, can be left empty; else give JSON, such as true, 5 or "a text".';
  const fields = [{ name: "value", label: "Value", value: "" }];
  const given = await confirmed({ title: `${name}?`, text, action: "Answer", fields });
  if (given) send("signal", { ...named, value: given.value.trim() || null }, name);
}

async function cancelled(send, named, name) {
  const text = named.path
    ? "It and everything inside it ends now, as cancelled."
    : "Everything that is running ends now, and nothing else starts. The run can be recovered.";
  if (await confirmed({ title: `${name}?`, text, action: name, ending: true })) send("cancel", named, name);
}

async function rerun(send, named, name, held) {
  const text = held
    ? "The engine that is working on the run does it when the run has come to its end, in a new recovery."
    : "It runs again although it is over, in a new recovery and in an engine of its own. Earlier results are kept.";
  const fields = [{ name: "extent", label: "What runs", choices: EXTENTS }];
  const chosen = await confirmed({ title: `${name}?`, text, action: "Rerun", fields });
  if (chosen) send("rerun", { ...named, ...chosen }, name);
}
