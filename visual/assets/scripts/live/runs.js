import { pageData } from "#page/base/data.js";
import { button, byId, make, renewed } from "#page/base/dom.js";
import { stateBadge } from "#page/base/state.js";
import { duration, moment } from "#page/base/text.js";
import { setUpTheme } from "#page/base/theme.js";
import { ask } from "#page/live/ask.js";
import { confirmed } from "#page/live/confirm.js";
import { follow } from "#page/live/follow.js";

const HEADS = ["Run", "Program", "State", "Recovery", "Started", "Took", "Outstanding", "Parameters"];

// The stores, each with its programs and its runs, the latest first.
function showRuns({ stores, folder, made }) {
  byId("where").textContent = folder === null ? "Runs" : `Runs in ${folder}`;
  const found = stores.map((store) =>
    make(
      "section",
      { "aria-label": store.name, "data-store": store.name },
      make("div", { class: "heading" }, make("h2", {}, store.name), make("div", { class: "tools" }, ...starts(store))),
      store.gone ? make("p", { class: "callout card", "data-state": "failure" }, store.gone) : runsOf(store, made),
    ),
  );
  renewed(byId("runs"), ...(found.length ? found : [make("p", { class: "note" }, "The folder has no store.")]));
}

function starts(store) {
  return store.programs.map((program, place) =>
    button(`Start ${program.name}`, () => start(store, place + 1, program), { class: "doing", title: program.target }),
  );
}

async function start(store, number, { name, parameters }) {
  const fields = Object.entries(parameters).map(([key, value]) => ({ name: key, label: key, value }));
  const given = fields.length ? " Its parameters are given as in its latest run." : "";
  const text = `A new run begins in an engine of its own, and is recorded in ${store.name}.${given}`;
  const chosen = await confirmed({ title: `Start ${name}?`, text, action: "Start", fields });
  if (chosen) ask(`/stores/${store.number}/programs/${number}/start`, { parameters: chosen }, `Start ${name}`);
}

function runsOf(store, made) {
  if (!store.runs.length) return make("p", { class: "note" }, "The store has no runs.");
  const table = make(
    "table",
    { class: "runs" },
    make("thead", {}, make("tr", {}, ...HEADS.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...store.runs.map((run) => line(store, run, made))),
  );
  return make("div", { class: "card" }, table);
}

function line(store, run, made) {
  const over = run.ended ?? (run.state === "running" ? made : null);
  const cells = [
    make("a", { href: `/stores/${store.number}/runs/${run.number}` }, run.id),
    run.program,
    stateBadge(run.state),
    String(run.recovery || ""),
    moment(run.started),
    over === null ? "" : duration(Math.max(0, over - run.started)),
    run.todos ? `${run.todos}${run.next_due === null ? "" : `, next due ${moment(run.next_due)}`}` : "",
    Object.entries(run.parameters)
      .map(([name, value]) => `${name}=${value}`)
      .join(" "),
  ];
  const about = (place) => ({ "data-head": HEADS[place], "data-none": cells[place] === "" ? "" : null });
  return make("tr", {}, ...cells.map((cell, place) => make("td", about(place), cell)));
}

const data = pageData();
setUpTheme(() => {});
showRuns(data);
follow("/changes", data, showRuns);
