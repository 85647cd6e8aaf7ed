// The large picture of the count screen: the live view and the last field, one large, the other small in its corner.
// After a capture the field is large; if it was accepted, the live view comes back by itself, so that a person with one
// hand on the stage needs one key per field. A tap on the field keeps it.

import { h, put } from "./dom.js";
import { t } from "./language.js";
import { marked } from "./overlay.js";

const FIELD_SHOWN = 6000; // ms

/**
 * The stage: {node, showField(document, fresh), advise(text), stop()}; live is a node, or null without a camera.
 * Advice is shown on the live view.
 */
export function stage(live) {
  const liveSlot = h("div", { class: "view view-live" }, live, h("span", { class: "view-name" }, t("stage.live")));
  const fieldSlot = h("div", { class: "view view-field" });
  const advice = h("p", { class: "strip advice" });
  const swap = h("button", { type: "button", class: "swap" });
  const node = h("div", { class: "stage" }, live && liveSlot, fieldSlot, swap);
  if (live) liveSlot.append(advice);
  let picture = null;
  let timer = null;
  let shown = null;

  const front = (which) => {
    clearTimeout(timer);
    node.dataset.front = which;
    node.dataset.both = String(Boolean(live && shown));
    swap.hidden = !(live && shown);
    swap.textContent = which === "field" ? t("stage.to-live") : t("stage.to-field", { field: shown?.field ?? 0 });
  };
  const showLive = () => front(live ? "live" : "field");
  const showField = (field, fresh) => {
    picture?.stop();
    shown = field;
    picture = marked(field);
    put(fieldSlot, picture.node, h("span", { class: "view-name" }, t("stage.field", { field: field.field })));
    if (!fresh) return showLive();
    front("field");
    if (live && field.accepted) timer = setTimeout(showLive, FIELD_SHOWN);
  };
  swap.addEventListener("click", () => front(node.dataset.front === "field" ? "live" : "field"));
  fieldSlot.addEventListener("pointerdown", () => clearTimeout(timer));
  showLive();
  const stop = () => {
    clearTimeout(timer);
    picture?.stop();
  };
  const advise = (text) => {
    if (advice.textContent !== (text ?? "")) advice.textContent = text ?? "";
  };
  return { node, showField, advise, stop };
}
