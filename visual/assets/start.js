
showRun(JSON.parse(byId("run-data").textContent));
