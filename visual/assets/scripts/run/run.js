import { setUpTheme } from "#page/base/theme.js";
import { Details } from "#page/run/details.js";
import { showFailures } from "#page/run/failures.js";
import { showSteps } from "#page/run/graph-or-tree.js";
import { showHead } from "#page/run/head.js";
import { Model } from "#page/run/model.js";
import { InstanceTable } from "#page/run/table.js";
import { Timeline } from "#page/run/timeline.js";

// One choice at a time, shown by every view. What is returned shows newer data of the same run.
export function showRun(data, actions = () => []) {
  let model = new Model(data);
  let chosen = null;
  const views = {};
  const mark = () => {
    const row = chosen?.row ?? null;
    const step = chosen === null ? null : (chosen.step ?? model.tasks.step[row]);
    views.graph.mark(step === null ? null : model.steps[step].path);
    views.timeline.mark(row);
    views.table.mark(row === null ? null : model.instanceOf(row).row);
  };
  const choose = (wanted) => {
    chosen = wanted;
    views.details.show(chosen);
    mark();
  };
  const search = (wanted) => views.table.find(wanted);
  setUpTheme(() => views.timeline?.repaint());
  showHead(model);
  showFailures(model, choose, search);
  views.graph = showSteps(model, choose);
  views.timeline = new Timeline(model, choose);
  views.table = new InstanceTable(model, choose);
  views.details = new Details(model, choose, (path) => search({ text: `${path}@` }), actions);
  return (newer) => {
    const before = model;
    model = new Model(newer);
    chosen = model.same(chosen, before);
    showHead(model);
    showFailures(model, choose, search);
    for (const view of Object.values(views)) view.renew(model, chosen);
    mark();
  };
}
