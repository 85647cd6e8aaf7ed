// Building elements. Text is always set as text, never parsed as markup, so nothing that is shown can become a script.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, settings, children) {
  for (const [name, value] of Object.entries(settings ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element: h("button", {class: "main", onclick: go}, "Go"). Null and false children are left out. */
export const h = (tag, settings, ...children) => fill(document.createElement(tag), settings, children);

/** An SVG element. */
export const s = (tag, settings, ...children) => fill(document.createElementNS(SVG, tag), settings, children);

/** Put new children into an element, in place of all others. */
export function put(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child));
  return element;
}

/** A labelled form control; the hint is read out with it. */
let controls = 0;
export function labelled(label, control, hint) {
  controls += 1;
  control.id ||= `control-${controls}`;
  const explained = hint ? h("small", { id: `${control.id}-hint` }, hint) : null;
  if (explained) control.setAttribute("aria-describedby", explained.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, explained);
}

/** A select with [value, text] options. */
export function choice(options, chosen, settings = {}) {
  const marked = options.map(([value, text]) => h("option", { value, selected: value === chosen }, text));
  return h("select", settings, marked);
}
