import { byId } from "#page/base/dom.js";

// Light and dark: as the system says until the reader chooses.
export function setUpTheme(changed) {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const toggle = byId("theme");
  const show = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    toggle.textContent = dark ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to ${dark ? "light" : "dark"} colours`);
    changed();
  };
  let chosen = false;
  toggle.addEventListener("click", () => {
    chosen = true;
    show(root.dataset.theme !== "dark");
  });
  system.addEventListener("change", () => {
    if (!chosen) show(system.matches);
  });
  show(system.matches);
}

// A colour of the theme that is shown.
export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
