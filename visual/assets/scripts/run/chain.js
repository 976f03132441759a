// The critical path in words and as a list.

import { button, byId, make, renewed } from "#page/base/dom.js";
import { count, duration } from "#page/base/text.js";

const CHAIN_SHOWN = 100;

export function showChain(model, recovery, choose) {
  const chain = recovery.critical;
  if (!chain.length) {
    byId("critical").replaceChildren();
    return;
  }
  const { start } = model.tasks;
  const worked = chain.reduce((sum, row) => sum + model.took(row), 0);
  const spanned = model.end(chain.at(-1)) - recovery.started;
  const rows = chain.slice(-CHAIN_SHOWN).map((row, place) => {
    const before = chain[chain.length - Math.min(CHAIN_SHOWN, chain.length) + place - 1];
    const waited = start[row] - (before === undefined ? recovery.started : model.end(before));
    return make(
      "tr",
      {},
      make(
        "td",
        {},
        button(model.name(row), () => choose({ row }), { class: "link" }),
      ),
      make("td", { class: "number" }, duration(Math.max(0, waited))),
      make("td", { class: "number" }, duration(model.took(row))),
    );
  });
  const parts = [
    make(
      "summary",
      {},
      `Critical path: ${count(chain.length, "task")}, ${duration(worked)} of ${duration(spanned)} at work, the rest waiting`,
    ),
    make(
      "p",
      {},
      "Traced back from the task that ended last, step by step to what let it start: the last thing its requirement " +
        "needed, or the first if one was enough; without a requirement, what its container waited for, or in a loop the " +
        "iteration that made room. The rest is waiting for delays, resources or a free slot.",
    ),
    make(
      "table",
      {},
      make(
        "thead",
        {},
        make(
          "tr",
          {},
          make("th", { scope: "col" }, "Instance"),
          make("th", { scope: "col", class: "number" }, "Waited before"),
          make("th", { scope: "col", class: "number" }, "Took"),
        ),
      ),
      make("tbody", {}, ...rows),
    ),
  ];
  if (chain.length > CHAIN_SHOWN)
    parts.push(make("p", {}, `Only the last ${CHAIN_SHOWN} are listed; the timeline marks them all.`));
  const open = byId("critical").querySelector("details")?.open ? "" : null;
  renewed(byId("critical"), make("details", { class: "chain card", open }, ...parts));
}
