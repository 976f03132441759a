// What was chosen, in full: a step with its instances, or an instance with its tries.

import { button, byId, facts, isRead, make, renewed } from "#page/base/dom.js";
import { stateBadge } from "#page/base/state.js";
import { clock, count, duration, firstLine, moment } from "#page/base/text.js";
import { outcome } from "#page/run/attempt.js";
import { stepFacts, stepText } from "#page/run/step.js";

const INSTANCES_LISTED = 200;

export class Details {
  constructor(model, choose, searchStep, actions) {
    this.model = model;
    this.choose = choose;
    this.searchStep = searchStep;
    this.actions = actions; // what can be done about an instance, as elements
    this.box = byId("details");
    this.box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.choose(null);
    });
  }

  show(chosen) {
    if (this.box.hidden && chosen) this.from = document.activeElement;
    this.box.hidden = !chosen;
    if (!chosen) {
      this.from?.focus?.();
      return;
    }
    this.box.replaceChildren(...this.#content(chosen));
    this.box.scrollTop = 0;
    this.box.focus({ preventScroll: true });
  }

  renew(model, chosen) {
    this.model = model;
    if (!chosen) this.box.hidden = true;
    if (this.box.hidden || isRead(this.box)) return;
    const tops = () => [this.box, ...this.box.querySelectorAll("pre, ul")];
    const before = tops().map(({ scrollTop }) => scrollTop);
    renewed(this.box, ...this.#content(chosen));
    tops().forEach((box, place) => {
      box.scrollTop = before[place] ?? 0;
    });
  }

  #content(chosen) {
    return chosen.row !== undefined ? this.#instance(chosen.row) : this.#step(chosen.step);
  }

  #title(text, state, label) {
    const close = button("Close", () => this.choose(null), { "aria-label": "Close the details" });
    return [make("div", { class: "closing" }, make("h3", {}, text), close), stateBadge(state, label)];
  }

  #step(place) {
    const step = this.model.steps[place];
    const found = this.model.ofStep(place);
    const leaves = found.filter(({ row }) => !this.model.isWhole(row));
    const listed = leaves.length ? leaves : found;
    const parts = [...this.#title(step.path, step.word, stepText(step)), stepFacts(step)];
    if (listed.length === 0) return [...parts, make("p", { class: "muted" }, "No instance of this step was reached.")];
    if (listed.length === 1) return [...parts, ...this.#tries(listed[0])];
    return [...parts, make("h4", {}, count(listed.length, "instance")), this.#list(listed), this.#more(step, listed)];
  }

  #list(instances) {
    const order = ["failure", "interrupted", "active", "ready", "cancelled"];
    const rank = ({ row }) => {
      const at = order.indexOf(this.model.status(row));
      return at < 0 ? order.length : at;
    };
    const sorted = [...instances].sort((one, other) => rank(one) - rank(other));
    return make(
      "ul",
      { class: "pick" },
      ...sorted.slice(0, INSTANCES_LISTED).map((instance) => {
        const { row } = instance;
        const line = button("", () => this.choose({ row }));
        const about = this.model.error(row) ? firstLine(this.model.error(row)) : (this.model.item(row) ?? "");
        line.append(
          make("span", {}, `@${this.model.tasks.sequence[row]}`),
          make("span", { class: "grow muted" }, about),
          make("span", { class: "muted" }, duration(this.model.took(this.model.worked(instance)))),
          stateBadge(this.model.word(row)),
        );
        return make("li", {}, line);
      }),
    );
  }

  #more(step, instances) {
    const text =
      instances.length > INSTANCES_LISTED
        ? `Show all ${instances.length.toLocaleString("en")} in the table`
        : "Show them in the table";
    return make(
      "p",
      { class: "note" },
      button(text, () => this.searchStep(step.path), { class: "link" }),
    );
  }

  #instance(row) {
    const step = this.model.steps[this.model.tasks.step[row]];
    const back = make(
      "p",
      {},
      button(`Step ${step.path}`, () => this.choose({ step: this.model.tasks.step[row] }), { class: "link" }),
    );
    return [
      ...this.#title(this.model.name(row), this.model.word(row)),
      back,
      ...this.#tries(this.model.instanceOf(row)),
    ];
  }

  // Tries of all recoveries, the latest first, then what was returned.
  #tries(instance) {
    const { model } = this;
    const result = instance.rows.map((row) => model.results.get(row)).findLast(Boolean);
    const about = facts([
      ["Sequence", model.tasks.sequence[instance.row]],
      ["Item", model.items(instance.row).join(", ")],
      ["Answered", this.#answered(instance)],
      ["Next try", this.#nextTry(instance.row)],
      ["Critical path", instance.rows.some((row) => model.critical.has(row)) ? "yes, it is part of it" : null],
    ]);
    const parts = [about, ...this.actions(model, instance.row)];
    for (const row of instance.rows.toReversed()) {
      const tries = model.tries(row).toReversed();
      if (!tries.length) parts.push(this.#unstarted(row));
      parts.push(...tries.map((attempt) => this.#try(row, attempt)));
    }
    if (result) {
      const cut =
        result.size > result.text.length + 200
          ? `, the beginning of ${result.size.toLocaleString("en")} characters`
          : "";
      parts.push(make("h4", {}, `Result${cut}`), make("pre", { tabindex: 0 }, result.text));
    }
    if (
      !model.isWhole(instance.row) &&
      !instance.rows.some((row) => model.tries(row).some(({ tried }) => model.log(row, tried)))
    ) {
      const where = model.data.log_folder
        ? `This page does not include its log; logs are in ${model.data.log_folder}.`
        : "The run does not record where its logs are.";
      parts.push(make("p", { class: "note" }, where));
    }
    return parts;
  }

  #answered(instance) {
    const found = instance.rows.map((row) => this.model.answers.get(row)).findLast(Boolean);
    return found === undefined ? null : `by ${found.by}, ${moment(this.model.run.created + found.at)}`;
  }

  #nextTry(row) {
    const due = this.model.retries.get(row);
    return due === undefined
      ? null
      : `number ${this.model.tasks.try[row]}, due ${moment(this.model.run.created + due)}`;
  }

  #unstarted(row) {
    const recovery = this.model.tasks.recovery[row];
    const skipped = this.model.status(row) === "skipped";
    const text = skipped
      ? `Recovery ${recovery} skipped it, because it had already succeeded.`
      : `${recovery ? `Recovery ${recovery}` : "The run"} did not start it.`;
    return make("div", { class: "try" }, make("div", { class: "line" }, stateBadge(this.model.status(row)), text));
  }

  #try(row, attempt) {
    const { run, tasks } = this.model;
    const recovery = tasks.recovery[row];
    const open = attempt.end === null ? this.model.took(row) : Math.max(0, attempt.end - attempt.start);
    const times =
      attempt.start === null
        ? "not started"
        : `${moment(run.created + attempt.start)}${attempt.end === null ? "" : ` to ${clock(run.created + attempt.end)}`}`;
    return make(
      "div",
      { class: "try" },
      make(
        "div",
        { class: "line" },
        make("strong", {}, `${recovery ? `Recovery ${recovery}, try` : "Try"} ${attempt.tried}`),
        stateBadge(attempt.status),
        make("span", { class: "muted" }, times),
        make("span", {}, attempt.start === null ? "" : duration(open)),
      ),
      attempt.error ? make("p", { class: "error" }, attempt.error) : null,
      ...outcome(this.model, row, attempt),
    );
  }
}
