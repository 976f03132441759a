// Making elements. Texts of the run enter the page here and only as text: nothing in these scripts writes markup.

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    else if (name === "class") element.className = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Put newer children into a box; what has the focus in it keeps it, by its place.
export function renewed(box, ...children) {
  const inside = () => [...box.querySelectorAll("button, input, select, summary, [tabindex]")];
  const place = inside().indexOf(document.activeElement);
  box.replaceChildren(...children);
  if (place >= 0) inside()[place]?.focus({ preventScroll: true });
}

// Whether the reader has selected text in the box, which newer text would take away.
export function isRead(box) {
  const selection = getSelection();
  return !selection.isCollapsed && box.contains(selection.anchorNode);
}

export const byId = (id) => document.getElementById(id);

export function button(label, action, properties = {}) {
  return make("button", { type: "button", ...properties, on: { click: action } }, label);
}

export function facts(pairs) {
  const list = make("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value !== null && value !== undefined && value !== "") list.append(make("dt", {}, name), make("dd", {}, value));
  }
  return list;
}
