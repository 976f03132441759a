import { pageData } from "#page/base/data.js";
import { showRun } from "#page/run/run.js";

showRun(pageData());
