// Failures first, fatal ones apart from those that the flow handles; those alike together: one step, one error. The
// first is open, the others unfold, and their texts are made when they do.

import { button, byId, isRead, make, renewed } from "#page/base/dom.js";
import { count, firstLine } from "#page/base/text.js";
import { outcome } from "#page/run/attempt.js";

const GROUPS_SHOWN = 30;
const PLACES_SHOWN = 60;
const KINDS = {
  fatal: { title: () => "Fatal", note: "nothing in the flow handles them: the run fails" },
  handled: { title: () => "Handled", note: "the flow goes on after them" },
  earlier: { title: (recovery) => `Not rerun in recovery ${recovery}`, note: "they failed before it" },
};

export function showFailures(model, choose, search) {
  const failures = model.failures();
  const body = byId("failures-body");
  const signature = JSON.stringify([
    model.run.recovery,
    failures.map(({ row }) => [
      row,
      model.word(row),
      model.error(row),
      model.log(row, model.tasks.try[row])?.text.length,
    ]),
  ]);
  if (isRead(body) || body.dataset.shown === signature) return;
  const wasOpen = new Set([...body.querySelectorAll("details[open]")].map(({ dataset }) => dataset.where));
  body.dataset.shown = signature;
  byId("failures").hidden = byId("to-failures").hidden = failures.length === 0;
  byId("to-failures").textContent = byId("failures-title").textContent =
    `Failures (${failures.length.toLocaleString("en")})`;
  const kinds = Object.keys(KINDS)
    .map((kind) => [kind, failures.filter(({ row }) => model.kindOfFailure(row) === kind)])
    .filter(([, found]) => found.length);
  const isOpen = (rows, isFirst) => (wasOpen.size ? wasOpen.has(groupName(model, rows)) : isFirst);
  renewed(body, ...kinds.flatMap(([kind, found], at) => section(model, kind, found, at === 0, isOpen, choose, search)));
}

// One kind of failures: a heading that says what it means, and a card for each group.
function section(model, kind, failures, isFirst, isOpen, choose, search) {
  const { title, note } = KINDS[kind];
  const heading = make(
    "h3",
    { class: "kind", "data-kind": kind },
    `${title(model.run.recovery)} (${failures.length.toLocaleString("en")})`,
    make("span", { class: "muted" }, note),
  );
  const groups = alike(model, failures);
  const cards = groups
    .slice(0, GROUPS_SHOWN)
    .map((rows, place) => failureCard(model, rows, isOpen(rows, isFirst && place === 0), choose));
  const rest = groups.slice(GROUPS_SHOWN).reduce((sum, rows) => sum + rows.length, 0);
  const label = rest
    ? `${rest.toLocaleString("en")} more of other kinds: show all of them in the table`
    : "Show them in the table";
  const more = button(label, () => search({ status: model.word(failures[0].row) }), { class: "link" });
  return [heading, ...cards, ...(rest || failures.length > 1 ? [make("p", { class: "note" }, more)] : [])];
}

const groupName = (model, [row]) => `${model.word(row)} ${model.path(row)} ${model.error(row)}`;

function alike(model, failures) {
  const groups = new Map();
  for (const { row } of failures) {
    const key = `${model.tasks.step[row]} ${model.error(row)}`;
    if (groups.has(key)) groups.get(key).push(row);
    else groups.set(key, [row]);
  }
  return [...groups.values()].sort((one, other) => other.length - one.length);
}

function failureCard(model, rows, open, choose) {
  const [row] = rows;
  const inside = make("div", { class: "inside" });
  const where = rows.length === 1 ? model.label(row) : `${model.path(row)}, ${count(rows.length, "instance")}`;
  const card = make(
    "details",
    { class: "failure card", "data-kind": model.kindOfFailure(row), "data-where": groupName(model, rows) },
    make(
      "summary",
      {},
      make("span", { class: "where" }, where),
      make("span", { class: "what" }, firstLine(model.error(row))),
    ),
    inside,
  );
  const fill = () => {
    if (inside.firstChild) return;
    const failed = model.tries(row).findLast((attempt) => attempt.status === "failure");
    if (rows.length > 1)
      inside.append(
        make("h4", {}, "Where"),
        places(model, rows, choose),
        make("h4", {}, `The first, ${model.label(row).slice(model.path(row).length)}`),
      );
    inside.append(
      ...outcome(model, row, failed),
      make(
        "p",
        {},
        button("Show all tries and what it returned", () => choose({ row }), { class: "link" }),
      ),
    );
  };
  card.addEventListener("toggle", () => {
    if (card.open) fill();
  });
  card.open = open;
  return card;
}

function places(model, rows, choose) {
  const shown = rows
    .slice(0, PLACES_SHOWN)
    .map((row) => button(model.label(row).slice(model.path(row).length), () => choose({ row }), { class: "link" }));
  const more =
    rows.length > PLACES_SHOWN
      ? [make("span", { class: "muted" }, `and ${(rows.length - PLACES_SHOWN).toLocaleString("en")} more`)]
      : [];
  return make("p", { class: "places" }, ...shown, ...more);
}
