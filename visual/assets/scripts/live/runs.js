import { pageData } from "#page/base/data.js";
import { byId, make } from "#page/base/dom.js";
import { stateBadge } from "#page/base/state.js";
import { duration, moment } from "#page/base/text.js";
import { setUpTheme } from "#page/base/theme.js";
import { follow } from "#page/live/follow.js";

// The runs of the store, the latest first.
function showRuns({ runs, made }) {
  const heads = ["Run", "Program", "State", "Recovery", "Started", "Took", "Outstanding"];
  const rows = runs.map((run) => {
    const over = run.ended ?? (run.state === "running" ? made : null);
    const cells = [
      make("a", { href: `/runs/${run.number}` }, run.id),
      run.program,
      stateBadge(run.state),
      String(run.recovery),
      moment(run.started),
      over === null ? "" : duration(Math.max(0, over - run.started)),
      String(run.todos || ""),
    ];
    return make("tr", {}, ...cells.map((cell) => make("td", {}, cell)));
  });
  const table = make(
    "table",
    { class: "runs" },
    make("thead", {}, make("tr", {}, ...heads.map((head) => make("th", { scope: "col" }, head)))),
    make("tbody", {}, ...rows),
  );
  const place = [...document.querySelectorAll("#runs a")].indexOf(document.activeElement);
  byId("runs").replaceChildren(runs.length ? table : make("p", { class: "note" }, "The store has no runs."));
  if (place >= 0) document.querySelectorAll("#runs a")[place]?.focus({ preventScroll: true });
}

const data = pageData();
setUpTheme(() => {});
showRuns(data);
follow("/changes", data, showRuns);
