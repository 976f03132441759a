// Texts about a step, used by several views.

import { facts } from "#page/base/dom.js";
import { duration } from "#page/base/text.js";

// State and counts, of a loop those of its iterations: `failure 2/3`.
export function stepText(step) {
  const loop = step.progress;
  const total = loop ? loop.items : Object.values(step.counts).reduce((sum, number) => sum + number, 0);
  if (!loop && total <= 1) return step.word;
  const done = loop
    ? loop.over - loop.failed - loop.cancelled
    : (step.counts.success ?? 0) + (step.counts.skipped ?? 0);
  return `${step.word} ${done.toLocaleString("en")}/${total.toLocaleString("en")}`;
}

// A sum of the times of several instances is called one.
export const stepTime = (step) =>
  step.seconds === null ? null : `${duration(step.seconds)}${step.is_sum ? " in all" : ""}`;

export function stepFacts(step) {
  const retry = Object.entries(step.config)
    .map(([key, value]) => `${key} ${JSON.stringify(value)}`)
    .join(", ");
  return facts([
    ["Function", step.function],
    ["Requires", step.require],
    ["Loop", step.loop],
    ["At once", step.loop && step.concurrent > 1 ? step.concurrent : null],
    ["Delay", step.delay ? `${step.delay} s` : null],
    ["Takes", step.acquires.join(", ")],
    ["Settings", retry],
    [
      "Counts",
      Object.entries(step.counts)
        .map(([state, number]) => `${number.toLocaleString("en")} ${state}`)
        .join(", "),
    ],
    [
      "Not rerun",
      step.before.map((one) => `${one.count.toLocaleString("en")} ${one.state} in recovery ${one.recovery}`).join(", "),
    ],
    ["Time", stepTime(step)],
  ]);
}
