// Images from files: chosen, taken with a phone's camera, or dropped onto the page. Sent one by one, so that every result
// shows at once and a large pile never outgrows the server's limits.

import { sendFiles } from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";
import { notice, unnotice } from "./notices.js";
import { problemText } from "./words.js";

const FATAL = ["unreachable", "token-needed", "no-space", "store", "not-this-session", "lacking"]; // the rest would fail too
const IMAGES = "image/*,.tif,.tiff,.bmp,.webp";

/** Buttons and a drop target for images: {node, dropTarget(element)}. onField gets every field document. */
export function intake(session, onField) {
  let left = 0;
  let total = 0;
  let unsent = 0;
  const refused = new Map(); // why, and the places of the images
  let chain = Promise.resolve();

  const one = async (file) => {
    const place = total - left + 1;
    notice("intake", "warn", t("intake.sending", { place, total }));
    try {
      const { results } = await sendFiles(`/v1/sessions/${session.code}/fields`, [file]);
      for (const result of results) {
        if (result.error) refuse(place, problemText({ kind: result.error.kind, detail: result.error.message }));
        else await onField(result);
      }
    } catch (problem) {
      if (FATAL.includes(problem.kind)) {
        unsent = left - 1;
        left = 1;
      }
      refuse(place, problemText(problem));
    }
    left -= 1;
    if (left <= 0) {
      left = total = 0;
      unnotice("intake");
    }
  };
  const refuse = (place, reason) => {
    refused.set(reason, [...(refused.get(reason) ?? []), number(place)]);
    const lines = [...refused].map(([why, places]) => t("intake.refused", { n: places.length, places: places.join(", "), reason: why }));
    if (unsent) lines.push(t("intake.unsent", { n: unsent }));
    notice("intake-refused", "bad", lines.join(" "), { dismiss: true });
  };
  const add = (files) => {
    if (left === 0) {
      unnotice("intake-refused");
      refused.clear();
      unsent = 0;
    }
    left += files.length;
    total += files.length;
    for (const file of files) chain = chain.then(() => (left > 0 ? one(file) : undefined));
  };

  const picker = (text, sign, settings, extra = "") => {
    const input = h("input", { type: "file", accept: IMAGES, class: "unseen", ...settings });
    input.addEventListener("change", () => {
      add([...input.files]);
      input.value = "";
      input.blur();
    });
    return h("label", { class: `button ${extra}` }, input, icon(sign), text);
  };
  const node = h(
    "div",
    { class: "intake" },
    picker(t("intake.choose"), "upload", { multiple: true }),
    picker(t("intake.photo"), "camera", { capture: "environment" }, "touch-only"),
  );
  return { node, dropTarget: (element) => acceptDrops(element, add) };
}

function acceptDrops(element, add) {
  const over = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    element.classList.add("dropping");
  };
  const leave = (event) => element.contains(event.relatedTarget) || element.classList.remove("dropping");
  const drop = (event) => {
    event.preventDefault();
    element.classList.remove("dropping");
    if (event.dataTransfer?.files.length) add([...event.dataTransfer.files]);
  };
  element.addEventListener("dragenter", over);
  element.addEventListener("dragover", over);
  element.addEventListener("dragleave", leave);
  element.addEventListener("drop", drop);
}
