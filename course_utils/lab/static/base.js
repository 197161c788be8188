// Small helpers: elements, icons, numbers.  The files of this folder are joined, in the order that
// course_utils/lab/panel_widget.py gives, into the one module that the notebook's page loads.

const SVG = "http://www.w3.org/2000/svg";

// Keys pressed in the panel are the panel's.  Notebooks look for this attribute from the focused
// element outwards, and stop looking where one of their own selectors fits.  Those of Notebook 7 fit
// any focused element of a cell, so the attribute must be on that very element.
const FOCUSABLE = new Set(["button", "input", "select"]);
const OURS = "data-lm-suppress-shortcuts";

/** An HTML element with attributes and children (strings become text, so nothing is ever parsed). */
function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  if (FOCUSABLE.has(tag) || "tabindex" in attributes) element.setAttribute(OURS, "true");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** An SVG element, appended to a parent if there is one. */
function svg(tag, attributes = {}, parent = null, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text != null) element.textContent = text;
  if (parent) parent.append(element);
  return element;
}

// Each icon is a path on a 16 x 16 grid, drawn with strokes unless it is listed as filled.
const ICONS = {
  frozen:
    "M8 1.5v13M2.4 4.75l11.2 6.5M13.6 4.75l-11.2 6.5M6.3 2.6 8 4.2l1.7-1.6M6.3 13.4 8 11.8l1.7 1.6" +
    "M2.2 7.2l2.3-.6-.6-2.2M13.8 8.8l-2.3.6.6 2.2M13.8 7.2l-2.3-.6.6-2.2M2.2 8.8l2.3.6-.6 2.2",
  learns:
    "M8.3 1.4c.5 2.6 3.9 4.2 3.9 8a4.2 4.2 0 0 1-8.4 0c0-1.7.8-2.9 1.8-3.9.1 1.1.5 1.8 1.2 2.2" +
    "C6.5 5.4 7 3 8.3 1.400z",
  start: "M4.5 2.500v11l9-5.500z",
  pause: "M4 2.500h3v11H4zM9 2.500h3v11H9z",
  step: "M3 2.500v11l7-5.500zM11.5 2.500h2v11h-2z",
  reset: "M3 8a5 5 0 1 0 1.6-3.700M3 2.500v3h3",
  right: "M3 8.500l3.3 3.300L13 4.6",
  wrong: "M4 4l8 8M12 4l-8 8",
  warning: "M8 2L14.5 13.500h-13zM8 6.500v3.200M8 11.300v.6",
  code: "M5.5 4.500L2 8l3.5 3.500M10.5 4.500L14 8l-3.5 3.5",
  save: "M8 2v8M4.8 7L8 10.2 11.2 7M2.5 13.500h11",
  copy: "M5.5 5.500h8v8h-8zM10.5 5.500v-3h-8v8h3",
};
const FILLED = new Set(["start", "pause", "step", "learns"]);

/** An icon: hidden from screen readers, since the text or label beside it says the same. */
function icon(name) {
  const picture = svg("svg", { viewBox: "0 0 16 16", class: "tl-icon", "aria-hidden": "true" });
  setIcon(picture, name);
  return picture;
}

function setIcon(picture, name) {
  if (picture.dataset.icon === name) return;
  picture.dataset.icon = name;
  picture.replaceChildren();
  const solid = FILLED.has(name);
  svg("path", { d: ICONS[name], class: solid ? "tl-solid" : "tl-stroke" }, picture);
}

/** Write text only where it differs: fewer layouts, and a reader's selection survives. */
function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function put(element, name, value) {
  const text = String(value);
  if (element.getAttribute(name) !== text) element.setAttribute(name, text);
}

const percent = (x, digits = 1) => `${(100 * x).toFixed(digits)}%`;
const whole = (x) => Math.round(x).toLocaleString("en");

/** 2,236,682 -> "2.24 M"; exact where that is short. */
function short(n) {
  if (n >= 1e6) return `${(n / 1e6).toFixed(2)} M`;
  if (n >= 1e4) return `${(n / 1e3).toFixed(n >= 1e5 ? 0 : 1)} k`;
  return whole(n);
}

/** How far something has moved, as a share of its size.  Only an exact zero is written "0". */
function moved(x) {
  if (x == null) return "–";
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return "not finite";
  if (x < 1e-4) return "<0.01%";
  return x < 0.0995 ? `${(100 * x).toFixed(x < 0.00995 ? 2 : 1)}%` : `${Math.round(100 * x)}%`;
}

/** Length of a bar from 0 to 1 on a logarithmic scale: 0.01% is short, 100% is full. */
function barLength(x) {
  if (!(x > 0)) return 0;
  if (!Number.isFinite(x)) return 1;
  return Math.min(1, Math.max(0.04, (Math.log10(x) + 4) / 4));
}

function duration(seconds) {
  if (!(seconds > 0)) return "–";
  return seconds < 0.1 ? `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms`
    : seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`;
}
