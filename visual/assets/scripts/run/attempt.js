import { make } from "#page/base/dom.js";

// Traceback and log of one try.
export function outcome(model, row, attempt) {
  const parts = [];
  if (attempt?.traceback) parts.push(make("h4", {}, "Traceback"), make("pre", { tabindex: 0 }, attempt.traceback));
  const log = attempt && model.log(row, attempt.tried);
  if (log) {
    const cut = log.leftOut ? `, without its first ${log.leftOut.toLocaleString("en")} bytes` : "";
    parts.push(make("h4", {}, `Log${cut}`), make("pre", { tabindex: 0 }, log.text));
  }
  return parts;
}
