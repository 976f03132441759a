// What the reader does to the timeline: drag or arrow keys move it, the wheel or + and - zoom, the pointer over a bar says
// what it is, a click chooses it.

import { GLYPHS } from "#page/base/state.js";
import { clock, duration, firstLine } from "#page/base/text.js";

export function takeInput(timeline) {
  let grip = null;
  timeline.canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 0) grip = { x: event.clientX, view: timeline.view, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!grip) return;
    const move = event.clientX - grip.x;
    grip.moved ||= Math.abs(move) > 4;
    if (!grip.moved) return;
    timeline.moved = true;
    const shift = (move / timeline.width) * (grip.view.to - grip.view.from);
    timeline.view = { from: grip.view.from - shift, to: grip.view.to - shift };
    timeline.draw();
  });
  addEventListener("pointerup", (event) => {
    const held = grip;
    grip = null;
    if (!held || held.moved) return;
    const bar = timeline.at(event);
    if (bar !== null) timeline.choose({ row: bar });
  });
  timeline.canvas.addEventListener("pointermove", (event) => hover(timeline, grip ? null : timeline.at(event), event));
  timeline.canvas.addEventListener("pointerleave", () => hover(timeline, null));
  timeline.canvas.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      timeline.zoom(
        Math.exp(-event.deltaY / 300),
        (event.clientX - timeline.canvas.getBoundingClientRect().left) / timeline.width,
      );
    },
    { passive: false },
  );
  timeline.scroller.addEventListener("keydown", (event) => {
    if (event.target !== timeline.scroller) return;
    const keys = {
      ArrowLeft: () => timeline.pan(-0.15),
      ArrowRight: () => timeline.pan(0.15),
      "+": () => timeline.zoom(1.6),
      "=": () => timeline.zoom(1.6),
      "-": () => timeline.zoom(1 / 1.6),
      0: () => timeline.fit(),
    };
    if (!keys[event.key]) return;
    keys[event.key]();
    event.preventDefault();
  });
}

function hover(timeline, bar, event) {
  timeline.tip.hidden = bar === null;
  timeline.canvas.style.cursor = bar === null ? "grab" : "pointer";
  if (bar === null) return;
  const { model } = timeline;
  const parts = [
    model.name(bar),
    `${GLYPHS[model.status(bar)]} ${model.status(bar)}${model.took(bar) === null ? "" : `, ${duration(model.took(bar))}`}, started at ${clock(model.run.created + model.tasks.start[bar], 3)}`,
  ];
  if (model.item(bar) !== null) parts.push(`item: ${model.item(bar)}`);
  if (model.error(bar)) parts.push(firstLine(model.error(bar)));
  if (timeline.critical.has(bar)) parts.push("on the critical path");
  timeline.tip.textContent = parts.join("\n");
  timeline.tip.style.left = `${Math.min(event.clientX + 14, innerWidth - timeline.tip.offsetWidth - 8)}px`;
  timeline.tip.style.top = `${Math.min(event.clientY + 14, innerHeight - timeline.tip.offsetHeight - 8)}px`;
}
