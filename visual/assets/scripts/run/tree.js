// The steps as a tree: what the graph shows, for where there is no graph, and for those who would rather read.

import { button, byId, make, renewed } from "#page/base/dom.js";
import { stateBadge } from "#page/base/state.js";
import { stepText, stepTime } from "#page/run/step.js";

export class StepTree {
  constructor(model, choose) {
    this.choose = choose;
    this.box = byId("tree");
    this.renew(model);
  }

  renew(model) {
    this.model = model;
    const top = this.box.scrollTop;
    renewed(this.box, ...model.steps.map((step, place) => this.#line(step, place, this.choose)));
    this.box.scrollTop = top;
  }

  #line(step, place, choose) {
    const depth = this.#depth(place);
    const about = [step.loop && `loop: ${step.loop}`, step.require && `after ${step.require}`, stepTime(step)];
    const line = button("", () => choose({ step: place }), { "data-step": step.path });
    line.style.paddingLeft = `${0.9 + depth * 1.5}rem`;
    line.append(
      make("span", { class: "name" }, step.name),
      make("span", { class: "grow" }, about.filter(Boolean).join(" · ")),
      stateBadge(step.word, stepText(step)),
    );
    return line;
  }

  #depth(place) {
    let depth = 0;
    for (let at = this.model.steps[place].parent; at >= 0; at = this.model.steps[at].parent) depth++;
    return depth;
  }
}
