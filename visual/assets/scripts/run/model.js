// The run's data, and what follows from it. A task is a row: one instance in one recovery. An instance is a step at a
// sequence; the latest of its rows says how it stands.

const FAILURES = { fatal: "failure", handled: "failure, handled", earlier: "failure, not rerun" };

export class Model {
  constructor(data) {
    this.data = data;
    this.run = data.run;
    this.tasks = data.tasks;
    this.size = data.tasks.step.length;
    this.handled = new Set(data.handled);
    this.retries = new Map(data.retries);
    this.instances = this.#instances();
    this.steps = this.#steps();
    this.instanceAt = new Array(this.size);
    for (const instance of this.instances) for (const row of instance.rows) this.instanceAt[row] = instance;
    this.critical = new Set(data.recoveries.flatMap((recovery) => recovery.critical));
    this.around = this.#around();
    this.attempts = this.#byRow(data.attempts);
    this.results = new Map(data.results.map(([row, text, size]) => [row, { text, size }]));
    this.answers = new Map(data.answers.map(([row, by, at]) => [row, { by, at }]));
    this.logs = new Map(data.logs.map(([row, tried, text, leftOut]) => [`${row}.${tried}`, { text, leftOut }]));
    this.loops = new Map(data.loops.map((loop) => [`${loop.path}@${loop.sequence}`, loop]));
    this.byPath = new Map(this.steps.map((step, place) => [step.path, place]));
  }

  #byRow(list) {
    const found = new Map();
    for (const [row, tried, status, start, end, error, traceback] of list) {
      if (!found.has(row)) found.set(row, []);
      found.get(row).push({ tried, status, start, end, error: this.#text(error), traceback: this.#text(traceback) });
    }
    return found;
  }

  #text(place) {
    return place < 0 ? null : this.data.texts[place];
  }

  #instances() {
    const { step, whole, sequence } = this.tasks;
    const found = new Map();
    for (let row = 0; row < this.size; row++) {
      const key = `${step[row]} ${whole[row]} ${sequence[row]}`;
      const rows = found.get(key);
      if (rows) rows.push(row);
      else found.set(key, [row]);
    }
    return [...found.values()].map((rows) => ({ rows, row: rows[rows.length - 1] }));
  }

  name(row) {
    return `${this.path(row)}@${this.tasks.sequence[row]}`;
  }
  path(row) {
    return this.steps[this.tasks.step[row]].path;
  }
  isWhole(row) {
    return this.tasks.whole[row] === 1;
  }

  status(row) {
    const status = this.data.statuses[this.tasks.status[row]];
    return status === "active" && !this.run.held ? "interrupted" : status;
  }

  // The status, and what it leaves open: whether a failure is handled, and what is waited for.
  word(row) {
    const status = this.status(row);
    if (status === "ready" && this.retries.has(row)) return "waiting for retry";
    return status === "failure" ? FAILURES[this.kindOfFailure(row)] : status;
  }

  kindOfFailure(row) {
    if (this.tasks.recovery[row] < this.run.counts_from) return "earlier";
    return this.handled.has(row) ? "handled" : "fatal";
  }

  // Steps whose instances in the step's state all have the same word are called by it.
  #steps() {
    const words = this.data.steps.map(() => new Set());
    for (const { row } of this.instances) {
      const step = this.tasks.step[row];
      if (this.status(row) === this.data.steps[step].state) words[step].add(this.word(row));
    }
    return this.data.steps.map((step, place) => ({
      ...step,
      word: words[place].size === 1 ? [...words[place]][0] : step.state,
    }));
  }

  // When the row's bar ends: an active task of a live run goes on until the page was made.
  end(row) {
    const { start, end } = this.tasks;
    if (end[row] !== null || start[row] === null) return end[row];
    return this.run.held ? this.data.made - this.run.created : start[row];
  }

  took(row) {
    const start = this.tasks.start[row];
    if (start === null || this.status(row) === "interrupted") return null; // nobody saw how long it went on
    return Math.max(0, this.end(row) - start);
  }

  // The row that did the work: where recovery skipped an instance, the one that had succeeded before.
  worked(instance) {
    return instance.rows.findLast((row) => this.tasks.start[row] !== null) ?? instance.row;
  }

  error(row) {
    const failed = this.attempts.get(row)?.findLast((attempt) => attempt.error);
    return failed && this.status(row) === "failure" ? failed.error : "";
  }

  // All tries of a row; where nothing is said of them the row itself is the one.
  tries(row) {
    const known = this.attempts.get(row) ?? [];
    const { start } = this.tasks;
    const last = this.tasks.try[row];
    if (start[row] === null || known.some((attempt) => attempt.tried === last)) return known;
    return [
      ...known,
      {
        tried: last,
        status: this.status(row),
        start: start[row],
        end: this.tasks.end[row],
        error: null,
        traceback: null,
      },
    ];
  }

  log(row, tried) {
    return this.logs.get(`${row}.${tried}`);
  }

  // The name with the items of the loops around it.
  label(row) {
    const items = this.items(row).map((item) => item.replace(/^'(.*)'$/s, "$1"));
    return items.length ? `${this.name(row)} [${items.join(", ")}]` : this.name(row);
  }

  // The item of the nearest loop around the instance.
  item(row) {
    return this.items(row).at(-1) ?? null;
  }

  // The items of all loops around the instance that are known, the outermost first.
  items(row) {
    const found = [];
    const keys = this.tasks.sequence[row].split(".");
    for (let place = this.tasks.step[row]; place >= 0; place = this.steps[place].parent) {
      const step = this.steps[place];
      const depth = step.path.split("/").length;
      if (!step.loop || keys.length <= depth) continue;
      const loop = this.loops.get(`${step.path}@${keys.slice(0, depth).join(".")}`);
      if (!loop) continue;
      const at = loop.keys ? loop.keys.indexOf(keys[depth]) : Number(keys[depth]) - 1;
      if (loop.items[at] !== undefined) found.unshift(loop.items[at]);
    }
    return found;
  }

  // The containers' rows around the tasks of the critical path, which stand for them where they are folded.
  #around() {
    const { step, sequence, recovery } = this.tasks;
    const name = (place, keys, row) => `${place} ${keys.join(".")} ${recovery[row]}`;
    const wholes = new Map();
    for (let row = 0; row < this.size; row++)
      if (this.isWhole(row)) wholes.set(name(step[row], sequence[row].split("."), row), row);
    const found = new Set();
    for (const row of this.critical) {
      const keys = sequence[row].split(".");
      for (let place = this.steps[step[row]].parent; place >= 0; place = this.steps[place].parent) {
        const whole = wholes.get(name(place, keys.slice(0, this.steps[place].path.split("/").length), row));
        if (whole !== undefined) found.add(whole);
      }
    }
    return found;
  }

  // What was chosen in an earlier model, in this one; null where it is not there.
  same(chosen, before) {
    if (chosen === null) return null;
    if (chosen.row === undefined) {
      const step = this.byPath.get(before.steps[chosen.step].path);
      return step === undefined ? null : { step };
    }
    const key = before.key(chosen.row);
    if (chosen.row < this.size && this.key(chosen.row) === key) return chosen;
    for (let row = 0; row < this.size; row++) if (this.key(row) === key) return { row };
    return null;
  }

  key(row) {
    return `${this.name(row)} ${this.tasks.whole[row]} ${this.tasks.recovery[row]}`;
  }

  instanceOf(row) {
    return this.instanceAt[row];
  }
  ofStep(place) {
    return this.instances.filter((instance) => this.tasks.step[instance.row] === place);
  }
  failures() {
    const failed = this.instances.filter(({ row }) => this.status(row) === "failure");
    const inside = failed.filter(({ row }) => !this.isWhole(row) || this.error(row));
    return inside.length ? inside : failed;
  }
}
