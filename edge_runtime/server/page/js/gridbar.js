// The bar below the thumbnails: where the review stands, what the rest holds at most, undo, choices, and the next page.

import { h, put } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { progressWords, restWords } from "./rankwords.js";
import { named } from "./words.js";

/** It is always in sight, and covers nothing; undo, options and next are called when their buttons are pressed. */
export class GridBar {
  constructor({ undo, options, next }) {
    this.words = h("div", { class: "grid-words" });
    this.undo = h("button", { type: "button", class: "quiet grid-undo", "aria-keyshortcuts": "U Backspace", "aria-label": t("grid.undo"), onclick: undo },
      icon("undo"), h("span", { class: "grid-label" }, t("grid.undo")));
    this.options = h("button", { type: "button", class: "quiet grid-who", onclick: options });
    this.next = h("button", { type: "button", class: "main grid-next", "aria-keyshortcuts": "N PageDown", onclick: next });
    this.node = h("div", { class: "grid-bar" }, this.words, h("div", { class: "grid-buttons" }, this.undo, this.options, this.next));
  }

  /** Show a state of the review, and what the next button would do: next is the key of its text. */
  draw({ state, page, size, reviewer, species, next, ready }) {
    const { text, alarm } = restWords(state);
    put(this.words, h("p", { class: "grid-progress" }, progressWords(state, page, size)),
      h("p", { class: alarm ? "grid-rest alarm" : "grid-rest" }, text));
    this.undo.disabled = !state.pages;
    put(this.options, h("span", { class: "grid-code" }, reviewer), species && h("span", { class: "grid-label" }, named("species", species)));
    this.options.setAttribute("aria-label", t("grid.options", { reviewer }));
    this.next.hidden = !page;
    this.next.textContent = t(next);
    this.next.setAttribute("aria-disabled", String(!ready));
  }
}
