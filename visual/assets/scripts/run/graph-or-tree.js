import { button, byId } from "#page/base/dom.js";
import { NARROW } from "#page/base/width.js";
import { Graph } from "#page/run/graph.js";
import { StepTree } from "#page/run/tree.js";

// Graph or tree: both where there is a picture, the tree alone where there is none.
export function showSteps(model, choose) {
  const graph = new Graph(model, choose);
  const tree = new StepTree(model, choose);
  const views = {
    mark: (path) => graph.mark(path),
    renew: (newer) => {
      graph.renew(newer);
      tree.renew(newer);
    },
  };
  const note = byId("graph-note");
  if (model.data.no_graph) {
    note.textContent = `${model.data.no_graph} Here is the tree of its steps.`;
    note.hidden = false;
    byId("graph").hidden = true;
    byId("tree").hidden = false;
    return views;
  }
  const choices = ["graph", "tree"].map((name) => button(name === "graph" ? "Graph" : "Tree", () => show(name)));
  const zooms = [
    button("+", () => graph.zoom(1.25), { "aria-label": "Zoom in" }),
    button("−", () => graph.zoom(0.8), { "aria-label": "Zoom out" }),
    button("Fit", () => graph.fit()),
  ];
  const show = (name) => {
    byId("graph").hidden = name !== "graph";
    byId("tree").hidden = name !== "tree";
    choices.forEach((choice, place) => {
      choice.setAttribute("aria-pressed", String((place === 0) === (name === "graph")));
    });
    zooms.forEach((zoom) => {
      zoom.hidden = name !== "graph";
    });
  };
  byId("steps-tools").append(...choices, ...zooms);
  show(NARROW.matches ? "tree" : "graph"); // fitted to a phone, the graph's texts are too small to read
  return views;
}
