// A state as a badge: its sign and its name, so that it is not told by colour alone.

import { make } from "#page/base/dom.js";

export const GLYPHS = {
  success: "✓",
  skipped: "↷",
  failure: "✗",
  "failure, handled": "✗",
  "failure, not rerun": "✗",
  active: "▶",
  running: "▶",
  ready: "…",
  pending: "…",
  "waiting for retry": "↻",
  paused: "‖",
  interrupted: "!",
  stalled: "!",
  cancelled: "–",
  omitted: "○",
  waiting: "○",
  "not reached": "○",
};

export function stateBadge(state, text = state, size = "") {
  const glyph = make("span", { class: "glyph", "aria-hidden": "true" }, GLYPHS[state] ?? "·");
  return make("span", { class: `state ${size}`, "data-state": state }, glyph, text);
}
