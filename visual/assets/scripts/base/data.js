import { byId } from "#page/base/dom.js";

// What the page is about, as the page's own frame has it.
export function pageData() {
  return JSON.parse(byId("run-data").textContent);
}
