// What the machine left out of its count and offers all the same: its page in the review, and where it lies in a field.

import { h } from "./dom.js";
import { t } from "./language.js";
import { named } from "./words.js";

/** Whether a page shows objects, not cells. */
export const ofObjects = (page) => page?.kind === "objects";

/** Above a page of objects: what they are, and what a mark does to the count. */
export const objectsLine = () => h("p", { class: "grid-hint" }, t("objects.line"));

/** Why something was left out, for its thumbnail; nothing for a cell. */
export const reasonOf = ({ reason }) => (reason ? named("reason", reason) : "");

/** The box of a cell or an object in a field's document, by its name; undefined when it has none. */
export function boxOf(field, name) {
  const index = name.split(".")[1];
  if (index.startsWith("o")) return field.result.objects?.find(({ object }) => object === name)?.box;
  return field.result.cells[Number(index) - 1]?.box;
}

/** What was found outside the machine's count, to end a review's sentence with; nothing when there is none. */
export const outsideWords = ({ left_out: found }) => (found?.confirmed ? t("objects.end", { n: found.confirmed }) : null);
