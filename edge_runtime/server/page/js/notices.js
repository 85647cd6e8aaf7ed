// What the page tells on its own: lines below the header that stay while they hold, and words for screen readers.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";

const shown = new Map();

/**
 * Show a line under a name, in place of the one it had.
 * kind is "bad", "warn" or "good"; action is {text, run}; with dismiss the person can close it.
 */
export function notice(name, kind, text, { action, dismiss = false } = {}) {
  const sign = { bad: "cross", warn: "warning", good: "tick" }[kind];
  const line = h(
    "div",
    { class: `notice ${kind}`, role: kind === "bad" ? "alert" : "status" },
    icon(sign),
    h("p", {}, text),
    action && h("button", { type: "button", class: "quiet", onclick: action.run }, action.text),
    dismiss &&
      h("button", { type: "button", class: "quiet", onclick: () => unnotice(name), "aria-label": t("close") }, icon("cross")),
  );
  // The other lines stay as they are: a screen reader would read them all again.
  const before = shown.get(name);
  if (before) before.replaceWith(line);
  else document.getElementById("notices").append(line);
  shown.set(name, line);
}

/** Take a line away. */
export function unnotice(name) {
  shown.get(name)?.remove();
  shown.delete(name);
}

/** Take all lines away. */
export function clearNotices() {
  for (const name of [...shown.keys()]) unnotice(name);
}

/** Say something to screen readers without showing it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}
