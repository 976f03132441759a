// Which rows the timeline has, and where each bar lies in them. A row is a step; its bars overlap in one lane while it
// is folded, and lie side by side in lanes while it is open. A folded container hides the steps inside.

const ROW = 24;
const LANE = 13;
const MOST_LANES = 60;
const OPEN_UP_TO = 6; // lanes of a row that is open from the start

export class Lanes {
  constructor(model) {
    this.model = model;
    this.folded = new Set();
    this.turned = new Map(); // rows that the reader folded or opened, by path
  }

  // The bars of one recovery, by step.
  load(recovery) {
    const { tasks, steps } = this.model;
    this.bars = steps.map(() => []);
    for (let row = 0; row < this.model.size; row++) {
      const step = tasks.step[row];
      if (tasks.recovery[row] !== recovery || tasks.start[row] === null) continue;
      if (this.model.isWhole(row) && !steps[step].container) continue;
      this.bars[step].push(row);
    }
    this.stacks = this.bars.map((bars) => this.#stacked(bars));
    this.folded = new Set(
      steps.flatMap((step, place) =>
        (this.turned.get(step.path) ?? this.stacks[place].lanes > OPEN_UP_TO) ? [place] : [],
      ),
    );
    this.arrange();
  }

  arrange() {
    const { steps } = this.model;
    const hidden = new Set();
    this.rows = [];
    let y = 0;
    steps.forEach((step, place) => {
      const parent = step.parent;
      if (parent >= 0 && (hidden.has(parent) || (steps[parent].container && this.folded.has(parent)))) {
        hidden.add(place);
        return;
      }
      const open = !step.container && !this.folded.has(place) && this.stacks[place].lanes > 1;
      const height = open ? this.stacks[place].lanes * LANE + 8 : ROW;
      this.rows.push({ place, y, height, open });
      y += height;
    });
    this.height = y;
    this.rowOf = new Map(this.rows.map((row) => [row.place, row]));
  }

  canFold(place) {
    return this.model.steps[place].container || this.stacks[place].lanes > 1;
  }

  toggle(place) {
    if (!this.folded.delete(place)) this.folded.add(place);
    this.turned.set(this.model.steps[place].path, this.folded.has(place));
    this.arrange();
  }

  // Fold every row there is, or where all are folded unfold them.
  toggleAll() {
    const all = this.model.steps.map((_, place) => place).filter((place) => this.canFold(place));
    this.folded = new Set(all.every((place) => this.folded.has(place)) ? [] : all);
    for (const place of all) this.turned.set(this.model.steps[place].path, this.folded.has(place));
    this.arrange();
  }

  between(top, bottom) {
    return this.rows.filter((row) => row.y + row.height >= top && row.y <= bottom);
  }

  // Where a bar stands in its row, from the row's top.
  box(row, bar) {
    if (this.model.steps[row.place].container) return { y: row.y + 8, height: 8 };
    if (!row.open) return { y: row.y + 5, height: ROW - 10 };
    return { y: row.y + 4 + this.stacks[row.place].lane.get(bar) * LANE + 1, height: LANE - 2 };
  }

  #stacked(bars) {
    const { start } = this.model.tasks;
    bars.sort((one, other) => start[one] - start[other]);
    const ends = [];
    const lane = new Map();
    for (const bar of bars) {
      let free = ends.findIndex((end) => end <= start[bar] + 1e-9);
      if (free < 0) free = ends.length < MOST_LANES ? ends.length : MOST_LANES - 1;
      ends[free] = Math.max(this.model.end(bar), start[bar]);
      lane.set(bar, free);
    }
    return { lane, lanes: ends.length };
  }
}
