// All instances in a table of which only the rows in view are there.

import { button, byId, make } from "#page/base/dom.js";
import { once } from "#page/base/frame.js";
import { GLYPHS } from "#page/base/state.js";
import { clock, count, duration, firstLine } from "#page/base/text.js";
import { NARROW } from "#page/base/width.js";

const LINE = 30;
const NARROW_LINE = 56; // of a phone, where a row has two lines
const COLUMNS = [
  { key: "path", label: "Path" },
  { key: "sequence", label: "Sequence" },
  { key: "status", label: "Status" },
  { key: "tried", label: "Try", right: true },
  { key: "start", label: "Started", right: true },
  { key: "took", label: "Took", right: true },
  { key: "error", label: "Error" },
];

export class InstanceTable {
  constructor(model, choose) {
    this.choose = choose;
    this.#take(model);
    this.sort = { key: null, down: false };
    this.here = 0;
    this.draw = once(() => this.#draw());
    this.#build();
    NARROW.addEventListener("change", this.draw);
    this.update();
  }

  renew(model) {
    const top = this.body.scrollTop;
    const here = this.found[this.here];
    const marked = here && this.model.key(here.row);
    this.#take(model);
    this.#statuses();
    this.update();
    if (marked)
      this.here = Math.max(
        0,
        this.found.findIndex(({ row }) => model.key(row) === marked),
      );
    this.body.scrollTop = top;
  }

  get #height() {
    return NARROW.matches ? NARROW_LINE : LINE;
  }

  #take(model) {
    this.model = model;
    this.lines = model.instances.filter(({ row }) => !model.isWhole(row)).map((instance) => this.#line(instance));
    this.whole = model.instances.filter(({ row }) => model.isWhole(row)).map((instance) => this.#line(instance));
  }

  // The statuses to choose from; those that have come stay.
  #statuses() {
    const known = new Set([...this.status.options].map(({ value }) => value));
    const found = new Set([...this.lines, ...this.whole].map(({ status }) => status));
    for (const status of found) if (!known.has(status)) this.status.append(make("option", { value: status }, status));
  }

  #line(instance) {
    const { model } = this;
    const worked = model.worked(instance);
    const { row } = instance;
    const line = {
      row,
      path: model.path(row),
      sequence: model.tasks.sequence[row],
      status: model.word(row),
      tried: model.tasks.try[worked],
      start: model.tasks.start[worked],
      took: model.took(worked),
      error: firstLine(model.error(row)),
    };
    line.keys = line.sequence.split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    line.text =
      `${line.path}@${line.sequence} ${line.status} ${model.items(row).join(" ")} ${line.error}`.toLowerCase();
    return line;
  }

  #build() {
    this.search = make("input", {
      type: "search",
      placeholder: "Search path, sequence, item, error",
      "aria-label": "Search the instances",
      on: { input: () => this.update() },
    });
    this.status = make(
      "select",
      { "aria-label": "Status", on: { change: () => this.update() } },
      make("option", { value: "" }, "Every status"),
    );
    this.#statuses();
    this.containers = make("input", { type: "checkbox", on: { change: () => this.update() } });
    this.said = make("span", { class: "muted", role: "status" });
    byId("instances-tools").classList.add("instances-tools");
    byId("instances-tools").append(
      this.said,
      this.search,
      this.status,
      make("label", {}, this.containers, "Containers"),
    );
    this.heads = COLUMNS.map((column) => this.#head(column));
    this.top = make("div", { class: "row top", role: "row" }, ...this.heads);
    this.space = make("div", { role: "presentation" });
    this.body = make(
      "div",
      { class: "body", tabindex: 0, role: "rowgroup", "aria-label": "Instances: arrow keys move, Enter opens" },
      this.space,
    );
    this.grid = make("div", { class: "grid surface", role: "grid", "aria-label": "Instances" }, this.top, this.body);
    byId("instances-body").replaceChildren(this.grid);
    this.body.addEventListener("scroll", this.draw);
    this.body.addEventListener("keydown", (event) => this.#key(event));
    this.body.addEventListener("click", (event) => {
      const place = event.target.closest(".row")?.dataset.place;
      if (place !== undefined) this.#open(Number(place));
    });
    new ResizeObserver(this.draw).observe(this.body);
  }

  #head({ key, label, right }) {
    return make(
      "div",
      { role: "columnheader", class: right ? "right" : "" },
      button(label, () => {
        this.sort = { key, down: this.sort.key === key && !this.sort.down };
        this.update();
      }),
    );
  }

  find({ text = "", status = "" }) {
    this.search.value = text;
    this.status.value = status;
    this.update();
    byId("instances").scrollIntoView();
    this.body.focus({ preventScroll: true });
  }

  mark(row) {
    this.chosen = row;
    this.draw();
  }

  update() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const all = this.containers.checked ? [...this.lines, ...this.whole] : this.lines;
    this.found = all.filter(
      (line) =>
        (!this.status.value || line.status === this.status.value) && words.every((word) => line.text.includes(word)),
    );
    if (this.sort.key) this.found.sort(this.#order());
    this.said.textContent =
      this.found.length === all.length
        ? count(all.length, "instance")
        : `${this.found.length.toLocaleString("en")} of ${count(all.length, "instance")}`;
    this.here = 0;
    this.body.scrollTop = 0;
    COLUMNS.forEach(({ key, label }, place) => {
      const mine = this.sort.key === key;
      this.heads[place].setAttribute("aria-sort", mine ? (this.sort.down ? "descending" : "ascending") : "none");
      this.heads[place].firstChild.textContent = label + (mine ? (this.sort.down ? " ▼" : " ▲") : "");
    });
    this.grid.setAttribute("aria-rowcount", this.found.length + 1);
    this.draw();
  }

  #order() {
    const { key, down } = this.sort;
    const sign = down ? -1 : 1;
    if (key === "sequence") return (one, other) => sign * compareKeys(one.keys, other.keys);
    return (one, other) => {
      const [a, b] = [one[key], other[key]];
      if (a === b) return compareKeys(one.keys, other.keys);
      if (a === null || a === "") return 1; // nothing to compare stays at the end, whichever way
      if (b === null || b === "") return -1;
      return sign * (a < b ? -1 : 1);
    };
  }

  #draw() {
    this.body.style.height = `${Math.min(15, Math.max(3, this.found.length)) * this.#height}px`;
    const height = this.body.clientHeight;
    this.space.style.height = `${this.found.length * this.#height}px`;
    this.grid.style.setProperty("--bar", `${this.body.offsetWidth - this.body.clientWidth}px`);
    const first = Math.max(0, Math.floor(this.body.scrollTop / this.#height) - 5);
    const last = Math.min(this.found.length, first + Math.ceil(height / this.#height) + 10);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(this.#row(this.found[place], place));
    if (!this.found.length) rows.push(make("p", { class: "nothing" }, "No instance matches."));
    this.body.replaceChildren(this.space, ...rows);
    if (this.found.length) this.body.setAttribute("aria-activedescendant", `row-${this.here}`);
    else this.body.removeAttribute("aria-activedescendant");
  }

  #row(line, place) {
    const started = line.start === null ? "" : clock(this.model.run.created + line.start, 3);
    const word = make(
      "span",
      { class: "word", "data-state": line.status },
      `${GLYPHS[line.status] ?? "·"} ${line.status}`,
    );
    const texts = [
      line.path,
      line.sequence,
      word,
      line.start === null ? "" : line.tried,
      started,
      duration(line.took),
      line.error,
    ];
    const names = `row${line.row === this.chosen ? " chosen" : ""}${place === this.here ? " here" : ""}`;
    const row = make(
      "div",
      { class: names, role: "row", id: `row-${place}`, "aria-rowindex": place + 2, "data-place": place },
      ...texts.map((text, column) =>
        make(
          "div",
          {
            class: `cell ${COLUMNS[column].key}${COLUMNS[column].right ? " right" : ""}`,
            role: "gridcell",
            title: typeof text === "string" ? text : null,
          },
          text,
        ),
      ),
    );
    row.style.top = `${place * this.#height}px`;
    return row;
  }

  #key(event) {
    const page = Math.floor(this.body.clientHeight / this.#height) - 1;
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === "Enter") this.#open(this.here);
    else if (moves[event.key] !== undefined) this.#go(this.here + moves[event.key]);
    else return;
    event.preventDefault();
  }

  #go(place) {
    this.here = Math.max(0, Math.min(this.found.length - 1, place));
    const top = this.here * this.#height;
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    if (top + this.#height > this.body.scrollTop + this.body.clientHeight)
      this.body.scrollTop = top + this.#height - this.body.clientHeight;
    this.draw();
  }

  #open(place) {
    const line = this.found[place];
    if (!line) return;
    this.here = place;
    this.choose({ row: line.row });
  }
}

// Sequences key by key: 1.9 before 1.10, numbers before words.
function compareKeys(one, other) {
  for (let place = 0; place < Math.min(one.length, other.length); place++) {
    const [a, b] = [one[place], other[place]];
    if (a === b) continue;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a < b ? -1 : 1;
  }
  return one.length - other.length;
}
