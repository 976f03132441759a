import { pageData } from "#page/base/data.js";
import { follow } from "#page/live/follow.js";
import { setUpSteering } from "#page/live/steer.js";
import { showRun } from "#page/run/run.js";

// The run's views, kept as the run stands now.
function start() {
  const data = pageData();
  const steering = setUpSteering(data);
  const renew = showRun(data, steering.actions);
  follow(`${location.pathname}/changes`, data, () => {
    steering.show();
    document.title = `${data.run.program}: ${data.run.state}, run ${data.run.id}`;
    renew(data);
  });
}

start();
