
// One choice at a time, shown by every view.
function start() {
  const model = new Model(JSON.parse(byId("run-data").textContent));
  const views = {};
  const choose = (chosen) => {
    const row = chosen?.row ?? null;
    const step = chosen === null ? null : chosen.step ?? model.tasks.step[row];
    views.details.show(chosen);
    views.graph.mark(step === null ? null : model.steps[step].path);
    views.timeline.mark(row);
    views.table.mark(row === null ? null : model.instanceOf(row).row);
  };
  setUpTheme(() => views.timeline?.repaint());
  showHead(model);
  showFailures(model, choose, (wanted) => views.table.find(wanted));
  views.graph = showSteps(model, choose);
  views.timeline = new Timeline(model, choose);
  views.table = new InstanceTable(model, choose);
  views.details = new Details(model, choose, (path) => views.table.find({ text: `${path}@` }));
}

start();
