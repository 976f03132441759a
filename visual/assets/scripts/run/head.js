// The run at a glance: its state, times and counts, what went wrong and what to do next.

import { button, byId, make, renewed } from "#page/base/dom.js";
import { GLYPHS, stateBadge } from "#page/base/state.js";
import { count, duration, moment } from "#page/base/text.js";

export function showHead(model) {
  const { run, data } = model;
  byId("brand").textContent = run.program;
  const title = make(
    "div",
    { class: "headline" },
    make("h1", {}, run.program),
    stateBadge(run.state, run.state, "large"),
  );
  renewed(byId("head"), title, figures(model), ...callouts(model));
  const shown =
    model.size < data.total
      ? ` It has ${count(model.size, "task")} of ${data.total.toLocaleString("en")}: all that did not succeed, and the latest.`
      : "";
  byId("foot").textContent = `${data.live ? "As of" : "Made"} ${moment(data.made)}, from the store alone.${shown}`;
}

function figures(model) {
  const { run, data } = model;
  const leaves = model.instances.filter(({ row }) => !model.isWhole(row));
  const counts = new Map();
  for (const { row } of leaves) counts.set(model.word(row), (counts.get(model.word(row)) ?? 0) + 1);
  const over = run.ended ?? (run.held ? data.made : null);
  const recovered = run.recovery > 0;
  const list = [
    ["Run", run.id],
    ["Started", moment(run.created + data.recoveries[0].started)],
    ["Recovery", recovered ? `${run.recovery}, at ${moment(run.started)}` : "none"],
    [
      `${recovered ? "Recovery took" : "Took"}${run.ended === null ? " so far" : ""}`,
      over === null ? "unknown" : duration(over - run.started),
    ],
    ["Instances", leaves.length.toLocaleString("en")],
    ...[...counts].map(([status, number]) => [status, number.toLocaleString("en")]),
  ];
  if (run.todos || run.delays) list.push(["Outstanding", run.todos || run.delays]);
  const dues = [...model.retries.values()].map((due) => run.created + due);
  if (run.next_due !== null) dues.push(run.next_due);
  if (dues.length) list.push(["Next due", moment(Math.min(...dues))]);
  return make("dl", { class: "figures card" }, ...list.map(([name, value]) => figure(name, value)));
}

function figure(name, value) {
  const glyph = GLYPHS[name] ? `${GLYPHS[name]} ` : "";
  return make("div", {}, make("dt", {}, glyph + name), make("dd", {}, String(value)));
}

function callouts({ run, data }) {
  const found = [];
  if (run.commands.length) found.push(callout(run.state, "Next:", `${run.advice}:`, ...run.commands.map(commandLine)));
  if (run.held)
    found.push(
      callout(
        "running",
        "Running:",
        `${run.holder} is working on it${data.live ? "." : "; this page shows the run as it was when the page was made."}`,
      ),
    );
  if (run.stalled.length) found.push(callout("stalled", "Stalled:", lines(run.stalled)));
  if (run.not_reached.length) found.push(callout("waiting", "Not reached:", lines(run.not_reached)));
  return found;
}

function commandLine(text) {
  const code = make("code", {}, text);
  const copy = button("Copy", () => copyText(code, copy));
  return make("div", { class: "command" }, code, copy);
}

function callout(state, label, ...content) {
  return make("div", { class: "callout card", "data-state": state }, make("strong", {}, label), ...content);
}

function lines(texts) {
  const list = make("ul", {}, ...texts.slice(0, 50).map((text) => make("li", {}, text)));
  if (texts.length > 50) list.append(make("li", {}, `and ${texts.length - 50} more`));
  return list;
}

// The clipboard is not there for files in every browser; then the text is selected, ready to be copied.
function copyText(code, label) {
  const select = () => getSelection().selectAllChildren(code);
  if (!navigator.clipboard) {
    select();
    return;
  }
  navigator.clipboard.writeText(code.textContent).then(() => {
    label.textContent = "Copied";
  }, select);
}
