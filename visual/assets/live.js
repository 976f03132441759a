
// The run's views, kept as the run stands now.
function start() {
  const data = JSON.parse(byId("run-data").textContent);
  const steering = setUpSteering(data);
  const renew = showRun(data, steering.actions);
  follow(`${location.pathname}/changes`, data, () => {
    steering.show();
    document.title = `${data.run.program}: ${data.run.state}, run ${data.run.id}`;
    renew(data);
  });
}

start();
