
// Making elements. Texts of the run enter the page here and only as text: nothing in these scripts writes markup.

function make(tag, properties = {}, ...children) {
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
function renewed(box, ...children) {
  const inside = () => [...box.querySelectorAll("button, input, select, summary, [tabindex]")];
  const place = inside().indexOf(document.activeElement);
  box.replaceChildren(...children);
  if (place >= 0) inside()[place]?.focus({ preventScroll: true });
}

// Whether the reader has selected text in the box, which newer text would take away.
function isRead(box) {
  const selection = getSelection();
  return !selection.isCollapsed && box.contains(selection.anchorNode);
}

const byId = (id) => document.getElementById(id);

function button(label, action, properties = {}) {
  return make("button", { type: "button", ...properties, on: { click: action } }, label);
}

const GLYPHS = {
  success: "✓", skipped: "↷", failure: "✗", active: "▶", running: "▶", ready: "…", pending: "…", interrupted: "!",
  stalled: "!", cancelled: "–", waiting: "○", "not reached": "○",
};

function stateBadge(state, text = state, size = "") {
  const glyph = make("span", { class: "glyph", "aria-hidden": "true" }, GLYPHS[state] ?? "·");
  return make("span", { class: `state ${size}`, "data-state": state }, glyph, text);
}

function facts(pairs) {
  const list = make("dl", { class: "facts" });
  for (const [name, value] of pairs) {
    if (value !== null && value !== undefined && value !== "") list.append(make("dt", {}, name), make("dd", {}, value));
  }
  return list;
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const two = (number) => String(number).padStart(2, "0");

function clock(time, digits = 0) {
  const date = new Date(time * 1000);
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return digits ? `${text}.${String(date.getMilliseconds()).padStart(3, "0").slice(0, digits)}` : text;
}

function moment(time) {
  const date = new Date(time * 1000);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(time)}`;
}

const count = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`;

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// One handler a frame, however often it is asked for.
function once(work) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; work(); });
  };
}
