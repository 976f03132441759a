// The graph: drag or arrow keys move it, the wheel or + and - zoom, a click chooses a step.

import { byId } from "#page/base/dom.js";
import { stepText } from "#page/run/step.js";

export class Graph {
  constructor(model, choose) {
    this.box = byId("graph");
    this.choose = choose;
    this.nodes = [];
    this.#listen();
    this.#take(model);
    if (this.svg) this.fit();
    new ResizeObserver(() => {
      if (this.svg && !this.moved && !this.box.hidden) this.fit();
    }).observe(this.box);
  }

  // A newer picture takes the place of the one before; it is parsed as an image, which cannot act.
  renew(model) {
    const { svg } = model.data;
    if (svg && svg !== this.markup) {
      const focused = this.nodes.indexOf(document.activeElement);
      const image = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
      this.box.replaceChildren(document.importNode(image, true));
      this.markup = svg;
      this.#take(model);
      if (this.moved) this.#place();
      else if (!this.box.hidden) this.fit();
      this.nodes[focused]?.focus({ preventScroll: true });
    } else this.#take(model);
  }

  #take(model) {
    this.model = model;
    this.svg = this.box.querySelector("svg");
    if (!this.svg) return;
    this.width = Number(this.svg.dataset.width);
    this.height = Number(this.svg.dataset.height);
    this.nodes = [...this.svg.querySelectorAll("[data-step]")];
    this.#prepare();
  }

  // Everything in view, not larger than life; the box is as high as the graph wants, within reason.
  fit() {
    this.moved = false;
    const width = this.box.clientWidth - 32;
    const natural = Math.min(1.35, width / this.width);
    this.box.style.height = `${Math.max(180, Math.min(520, this.height * natural + 32))}px`;
    this.scale = Math.min(natural, (this.box.clientHeight - 32) / this.height);
    this.x = (this.box.clientWidth - this.width * this.scale) / 2;
    this.y = (this.box.clientHeight - this.height * this.scale) / 2;
    this.#place();
  }

  zoom(factor, x = this.box.clientWidth / 2, y = this.box.clientHeight / 2) {
    this.moved = true;
    const scale = Math.min(6, Math.max(0.05, this.scale * factor));
    this.x = x - (x - this.x) * (scale / this.scale);
    this.y = y - (y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.#place();
  }

  mark(path) {
    for (const node of this.nodes) node.classList.toggle("chosen", node.dataset.step === path);
  }

  #place() {
    this.svg.setAttribute("width", this.width * this.scale);
    this.svg.setAttribute("height", this.height * this.scale);
    this.svg.style.transform = `translate(${this.x}px, ${this.y}px)`;
  }

  #prepare() {
    const critical = new Set([...this.model.critical].map((row) => this.model.path(row)));
    for (const node of this.nodes) {
      const step = this.#step(node);
      if (!step) continue;
      node.setAttribute("tabindex", "0");
      node.setAttribute("role", "button");
      node.setAttribute("aria-label", `${step.path}, ${stepText(step)}`);
      node.classList.toggle("critical", critical.has(step.path));
    }
  }

  #step(node) {
    return this.model.steps[this.model.byPath.get(node.dataset.step)];
  }

  #pick(target) {
    const node = target.closest?.("[data-step]");
    if (!node) return false;
    this.choose({ step: this.model.byPath.get(node.dataset.step) });
    return true;
  }

  #listen() {
    let grip = null;
    this.box.addEventListener("pointerdown", (event) => {
      if (event.button === 0)
        grip = { x: event.clientX - this.x, y: event.clientY - this.y, at: [event.clientX, event.clientY] };
    });
    addEventListener("pointermove", (event) => {
      if (!grip) return;
      this.x = event.clientX - grip.x;
      this.y = event.clientY - grip.y;
      this.moved = true;
      this.box.classList.add("moving");
      this.#place();
    });
    addEventListener("pointerup", (event) => {
      if (!grip) return;
      const still = Math.hypot(event.clientX - grip.at[0], event.clientY - grip.at[1]) < 4;
      grip = null;
      this.box.classList.remove("moving");
      if (still) this.#pick(event.target);
    });
    this.box.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey && !event.metaKey && document.activeElement !== this.box) return;
        event.preventDefault();
        const box = this.box.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
      },
      { passive: false },
    );
    this.box.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    if (event.key === "Enter" || event.key === " ") {
      if (!this.#pick(event.target)) return;
    } else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (moves[event.key]) {
      this.x += moves[event.key][0];
      this.y += moves[event.key][1];
      this.moved = true;
      this.#place();
    } else return;
    event.preventDefault();
  }
}
