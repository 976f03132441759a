// How bars look. A state is told by form as well: failures are hatched, cancelled bars are hollow, those under way are
// open at their end; the critical path is underlined.

import { make } from "#page/base/dom.js";
import { two } from "#page/base/text.js";
import { color } from "#page/base/theme.js";

const BAR_COLORS = {
  success: "bar-success",
  skipped: "bar-success",
  failure: "bar-failure",
  active: "bar-active",
  interrupted: "interrupted",
  ready: "bar-ready",
  cancelled: "bar-cancelled",
  omitted: "bar-cancelled",
};

export function paints() {
  const found = {};
  for (const name of ["line", "surface", "muted", "focus", "critical", "hatch"]) found[name] = color(name);
  found.bars = Object.fromEntries(Object.entries(BAR_COLORS).map(([status, name]) => [status, color(name)]));
  found.stripes = stripes(found.hatch);
  return found;
}

function stripes(ink) {
  const tile = make("canvas", { width: 6, height: 6 });
  const context = tile.getContext("2d");
  context.strokeStyle = ink;
  context.lineWidth = 1.5;
  context.beginPath();
  context.moveTo(-1, 7);
  context.lineTo(7, -1);
  context.moveTo(-4, 4);
  context.lineTo(4, -4);
  context.moveTo(2, 10);
  context.lineTo(10, 2);
  context.stroke();
  return context.createPattern(tile, "repeat");
}

export function paintBar(context, paint, { x, y, width, height, status, container, critical }) {
  context.fillStyle = context.strokeStyle = paint.bars[status] ?? paint.muted;
  context.lineWidth = 1;
  if (container) {
    context.globalAlpha = 0.55;
    context.fillRect(x, y + height / 2 - 2, width, 4);
    context.globalAlpha = 1;
    context.fillRect(x, y - 1, 2, height + 2);
    context.fillRect(x + width - 2, y - 1, 2, height + 2);
  } else if (status === "cancelled") context.strokeRect(x + 0.5, y + 0.5, Math.max(1, width - 1), height - 1);
  else context.fillRect(x, y, width, height);
  if (!container && status === "failure" && width > 3) {
    context.fillStyle = paint.stripes;
    context.fillRect(x, y, width, height);
  }
  if (!container && (status === "active" || status === "interrupted") && width > 8) {
    context.fillStyle = paint.surface;
    for (const step of [5, 9]) context.fillRect(x + width - step, y, 2, height);
  }
  if (critical) {
    context.fillStyle = paint.critical;
    context.fillRect(x, y + height - (container ? 1 : 2), width, 3);
  }
}

export function legend() {
  const shown = [
    ["success", {}],
    ["failure", {}],
    ["active", {}],
    ["cancelled", {}],
    ["container", { container: true, status: "success" }],
    ["critical path: the chain of tasks that determined the end", { critical: true, status: "success" }],
  ];
  const swatches = shown.map(([label, look]) => [
    make("canvas", { width: 26, height: 14 }),
    label,
    { status: label, ...look },
  ]);
  const list = make("ul", { class: "legend" }, ...swatches.map(([swatch, label]) => make("li", {}, swatch, label)));
  list.paint = () => {
    const paint = paints();
    for (const [swatch, , look] of swatches) {
      const context = swatch.getContext("2d");
      context.clearRect(0, 0, 26, 14);
      paintBar(context, paint, { x: 0, y: 3, width: 26, height: look.container ? 8 : 10, ...look });
    }
  };
  return list;
}

// Round times for the axis, counted from the view's own zero: the start of what is shown.
export function ticksOf(view, width) {
  const steps = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
    14400, 28800, 86400,
  ];
  const wanted = ((view.to - view.from) / width) * 110;
  const step = steps.find((one) => one >= wanted) ?? Math.ceil(wanted / 86400) * 86400;
  const found = [];
  for (let at = Math.ceil((view.from - view.zero) / step); at * step + view.zero <= view.to; at++) {
    found.push({ time: at * step + view.zero, text: tickText(at * step, step) });
  }
  return found;
}

function tickText(seconds, step) {
  if (step < 1) return `${seconds.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1)} s`;
  const sign = seconds < 0 ? "−" : "";
  const whole = Math.abs(Math.round(seconds));
  if (whole < 60) return `${sign}${whole} s`;
  const clockText = `${Math.floor((whole % 3600) / 60)}:${two(whole % 60)}`;
  return whole < 3600
    ? `${sign}${clockText} min`
    : `${sign}${Math.floor(whole / 3600)}:${two(Math.floor((whole % 3600) / 60))}${step < 60 ? `:${two(whole % 60)}` : ""} h`;
}
