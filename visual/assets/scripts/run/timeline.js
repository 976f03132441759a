// The timeline: one canvas as large as what is seen of it, drawn anew when it is scrolled or zoomed.

import { button, byId, make } from "#page/base/dom.js";
import { once } from "#page/base/frame.js";
import { legend, paintBar, paints, ticksOf } from "#page/run/bars.js";
import { showChain } from "#page/run/chain.js";
import { Lanes } from "#page/run/lanes.js";
import { takeInput } from "#page/run/timeline-input.js";

const AXIS = 28;
export class Timeline {
  constructor(model, choose) {
    this.model = model;
    this.choose = choose;
    this.lanes = new Lanes(model);
    this.draw = once(() => this.#draw());
    this.#build();
    this.load(model.data.recoveries.at(-1).recovery);
    new ResizeObserver(() => this.draw()).observe(this.scroller);
  }

  // The latest recovery is followed while it is the one that is shown; so is the whole while all of it is.
  renew(model) {
    const { recoveries } = this.model.data;
    const latest = this.recovery.recovery === recoveries.at(-1).recovery;
    const more = model.data.recoveries.length !== recoveries.length;
    const chosen = this.chosen;
    this.model = this.lanes.model = model;
    const { view, moved } = this;
    this.load(latest ? model.data.recoveries.at(-1).recovery : this.recovery.recovery);
    if (moved && !(latest && more)) Object.assign(this, { view, moved });
    this.chosen = chosen;
    if (more) this.#tools();
    this.draw();
  }

  load(recovery) {
    this.recovery = this.model.data.recoveries.find((one) => one.recovery === recovery);
    this.lanes.load(recovery);
    const bars = this.lanes.bars.flat();
    const { start } = this.model.tasks;
    const from = bars.reduce((least, row) => Math.min(least, start[row]), this.recovery.started);
    const to = bars.reduce((most, row) => Math.max(most, this.model.end(row)), from);
    this.whole = { from, to: Math.max(to, from + 0.001) };
    this.chosen = null;
    this.#arrangeAll();
    this.fit();
    showChain(this.model, this.recovery, this.choose);
  }

  fit() {
    this.moved = false;
    const margin = (this.whole.to - this.whole.from) * 0.015;
    this.view = { from: this.whole.from - margin, to: this.whole.to + margin };
    this.draw();
  }

  zoom(factor, at = 0.5) {
    const { from, to } = this.view;
    this.moved = true;
    const most = (this.whole.to - this.whole.from) * 1.2;
    const width = Math.min(most, Math.max(0.002, (to - from) / factor));
    const fixed = from + (to - from) * at;
    this.view = { from: fixed - width * at, to: fixed + width * (1 - at) };
    this.draw();
  }

  pan(share) {
    this.moved = true;
    const move = (this.view.to - this.view.from) * share;
    this.view = { from: this.view.from + move, to: this.view.to + move };
    this.draw();
  }

  repaint() {
    this.legend.paint();
    this.draw();
  }

  mark(row) {
    this.chosen = row;
    this.draw();
  }

  #build() {
    this.labels = make("div", { class: "labels" });
    this.canvas = make("canvas", {
      role: "img",
      "aria-label": "Bars over time; the table of instances below has the same in text",
    });
    this.spacer = make("div", { class: "spacer" }, this.labels, this.canvas);
    this.scroller = make(
      "div",
      {
        class: "scroller",
        tabindex: 0,
        role: "group",
        "aria-label": "Timeline: left and right arrows move it, plus and minus zoom, 0 shows everything",
      },
      this.spacer,
    );
    this.tip = make("div", { class: "tip", hidden: "" });
    this.legend = legend();
    byId("timeline-body").replaceChildren(
      make("div", { class: "lanes surface" }, this.scroller),
      this.legend,
      this.tip,
    );
    this.legend.paint();
    this.scroller.addEventListener("scroll", () => {
      this.#labels();
      this.draw();
    });
    this.#tools();
    takeInput(this);
  }

  #tools() {
    const { recoveries } = this.model.data;
    const parts = [
      button("+", () => this.zoom(1.6), { "aria-label": "Zoom in" }),
      button("−", () => this.zoom(1 / 1.6), { "aria-label": "Zoom out" }),
      button("Fit", () => this.fit()),
      button(
        "Fold all",
        () => {
          this.lanes.toggleAll();
          this.#arrangeAll();
        },
        { title: "Fold or unfold all rows" },
      ),
    ];
    if (recoveries.length > 1) {
      const choice = make(
        "select",
        { on: { change: () => this.load(Number(choice.value)) } },
        ...recoveries.map(({ recovery, verdict }) =>
          make("option", { value: recovery }, `${recovery ? `recovery ${recovery}` : "first run"} (${verdict})`),
        ),
      );
      choice.value = (this.recovery ?? recoveries.at(-1)).recovery;
      parts.unshift(make("label", {}, "Shown", choice));
    }
    byId("timeline-tools").replaceChildren(...parts);
  }

  #arrangeAll() {
    this.spacer.style.height = `${this.lanes.height + AXIS}px`;
    this.#labels();
    this.draw();
  }

  // Labels are elements, so that they can be read and pressed; only those in view are there.
  #labels() {
    const top = this.scroller.scrollTop;
    const focused = this.labels.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const shown = this.lanes.between(top - 200, top + this.scroller.clientHeight + 200);
    this.labels.replaceChildren(make("div", { class: "axis" }, "Step"), ...shown.map((row) => this.#label(row)));
    if (focused)
      [...this.labels.querySelectorAll("[data-key]")]
        .find((one) => one.dataset.key === focused)
        ?.focus({ preventScroll: true });
  }

  #label(row) {
    const step = this.model.steps[row.place];
    const number = this.lanes.bars[row.place].length;
    const folded = step.container ? this.lanes.folded.has(row.place) : !row.open;
    const fold = this.lanes.canFold(row.place)
      ? button(
          folded ? "▸" : "▾",
          () => {
            this.lanes.toggle(row.place);
            this.#arrangeAll();
          },
          {
            class: "fold",
            "aria-expanded": String(!folded),
            "aria-label": `Unfold ${step.path}`,
            "data-key": `fold ${row.place}`,
          },
        )
      : make("span", { class: "fold" });
    const name = button(step.name, () => this.choose({ step: row.place }), {
      class: "link name",
      title: step.path,
      "data-key": `name ${row.place}`,
    });
    const label = make(
      "div",
      { class: "label" },
      fold,
      name,
      make("span", { class: "count" }, number > 1 ? `× ${number.toLocaleString("en")}` : ""),
    );
    label.style.top = `${row.y + AXIS}px`;
    label.style.height = `${row.height}px`;
    label.style.paddingLeft = `${0.3 + Math.min(8, step.path.split("/").length - 1) * 0.9}rem`;
    return label;
  }

  #x(time) {
    return ((time - this.view.from) / (this.view.to - this.view.from)) * this.width;
  }

  #draw() {
    this.#size();
    this.paint = paints();
    const context = this.canvas.getContext("2d");
    const ratio = devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    const top = this.scroller.scrollTop;
    const rows = this.lanes.between(top, top + this.height);
    const ticks = ticksOf({ ...this.view, zero: this.recovery.started }, this.width);
    this.#ground(context, rows, ticks, top);
    context.save();
    context.beginPath();
    context.rect(0, AXIS, this.width, this.height - AXIS);
    context.clip();
    context.translate(0, AXIS - top);
    for (const row of rows) this.#bars(context, row);
    this.#chain(context);
    context.restore();
    this.#axis(context, ticks);
  }

  #size() {
    const ratio = devicePixelRatio || 1;
    this.width = Math.max(50, this.scroller.clientWidth - this.labels.offsetWidth);
    this.height = Math.min(this.scroller.clientHeight, this.lanes.height + AXIS);
    const [width, height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
    }
  }

  #ground(context, rows, ticks, top) {
    context.fillStyle = this.paint.line;
    for (const row of rows) context.fillRect(0, row.y + row.height + AXIS - top - 1, this.width, 1);
    for (const { time } of ticks) context.fillRect(Math.round(this.#x(time)), AXIS, 1, this.height);
  }

  #axis(context, ticks) {
    context.fillStyle = this.paint.surface;
    context.fillRect(0, 0, this.width, AXIS - 1);
    context.fillStyle = this.paint.line;
    context.fillRect(0, AXIS - 1, this.width, 1);
    context.fillStyle = this.paint.muted;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    for (const { time, text } of ticks) context.fillText(text, Math.round(this.#x(time)) + 4, AXIS / 2);
  }

  // Bars that fall on pixels already painted are passed over, so a row costs its width and not its tasks.
  #bars(context, row) {
    const reach = new Map();
    const late = [];
    const container = this.model.steps[row.place].container;
    for (const bar of this.lanes.bars[row.place]) {
      const left = this.#x(this.model.tasks.start[bar]);
      const right = Math.max(this.#x(this.model.end(bar)), left + 1.5);
      if (right < 0) continue;
      if (left > this.width) break;
      const status = this.model.status(bar);
      const critical = this.critical.has(bar);
      if (status === "failure" || bar === this.chosen || (critical && right - left > 3)) {
        late.push([bar, left, right, status]);
        continue;
      }
      const { y } = this.lanes.box(row, bar);
      const key = `${y} ${status} ${critical}`;
      if (right <= (reach.get(key) ?? -1)) continue;
      reach.set(key, right);
      this.#bar(context, row, bar, left, right, status, container);
    }
    for (const [bar, left, right, status] of late) this.#bar(context, row, bar, left, right, status, container);
  }

  get critical() {
    return this.model.critical;
  }

  #bar(context, row, bar, left, right, status, container) {
    const { y, height } = this.lanes.box(row, bar);
    const from = Math.max(left, -4);
    const width = Math.min(right, this.width + 4) - from;
    const gap = width > 4 ? 1 : 0;
    paintBar(context, this.paint, {
      x: from,
      y,
      width: width - gap,
      height,
      status,
      container,
      critical: this.critical.has(bar) || (this.lanes.folded.has(row.place) && this.model.around.has(bar)),
    });
    if (!container && width > 6) this.#earlier(context, bar, y, height);
    if (bar !== this.chosen) return;
    context.strokeStyle = this.paint.focus;
    context.lineWidth = 2;
    context.strokeRect(from - 2, y - 2, width + 3, height + 4);
  }

  // The tries before the last: hatched where they ran, hollow where the next one was waited for.
  #earlier(context, bar, y, height) {
    const tries = this.model.attempts.get(bar) ?? [];
    for (const [place, { tried, start, end }] of tries.entries()) {
      if (tried === this.model.tasks.try[bar] || start === null || end === null) continue;
      const next = tries[place + 1]?.start ?? end;
      context.fillStyle = this.paint.surface;
      context.fillRect(this.#x(end), y, this.#x(next) - this.#x(end), height / 2 - 1);
      context.fillRect(this.#x(end), y + height / 2 + 1, this.#x(next) - this.#x(end), height / 2 - 1);
      paintBar(context, this.paint, {
        x: this.#x(start),
        y,
        width: Math.max(2, this.#x(end) - this.#x(start)),
        height,
        status: "failure",
      });
    }
  }

  // Lines from each task of the critical path to the one it let start, as far as both are in open rows.
  #chain(context) {
    context.strokeStyle = this.paint.critical;
    context.lineWidth = 1.25;
    context.setLineDash([3, 2]);
    context.beginPath();
    const chain = this.recovery.critical;
    for (let place = 1; place < chain.length; place++) {
      const [one, other] = [this.#end(chain[place - 1]), this.#start(chain[place])];
      if (!one || !other || (one.row === other.row && (!one.row.open || other.x - one.x < 3))) continue;
      if (Math.max(one.x, other.x) < -20 || Math.min(one.x, other.x) > this.width + 20) continue;
      context.moveTo(one.x, one.y);
      context.lineTo(other.x, one.y);
      context.lineTo(other.x, other.y);
    }
    context.stroke();
    context.setLineDash([]);
  }

  #end(bar) {
    return this.#point(bar, this.model.end(bar));
  }
  #start(bar) {
    return this.#point(bar, this.model.tasks.start[bar]);
  }

  #point(bar, time) {
    const row = this.lanes.rowOf.get(this.model.tasks.step[bar]);
    if (!row) return null;
    const { y, height } = this.lanes.box(row, bar);
    return { row, x: this.#x(time), y: y + height / 2 };
  }

  // The bar under the pointer; where bars lie on each other, one that failed before one that did not.
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top - AXIS + this.scroller.scrollTop];
    const row =
      event.clientY - box.top < AXIS ? null : this.lanes.rows.find((one) => y >= one.y && y < one.y + one.height);
    if (!row) return null;
    let found = null;
    for (const bar of this.lanes.bars[row.place]) {
      const left = this.#x(this.model.tasks.start[bar]);
      if (left > x + 3) break;
      if (Math.max(this.#x(this.model.end(bar)), left + 1.5) < x - 3) continue;
      const place = this.lanes.box(row, bar);
      if (row.open && (y < place.y - 1 || y > place.y + place.height + 1)) continue;
      if (found === null || this.model.status(found) !== "failure") found = bar;
    }
    return found;
  }
}
