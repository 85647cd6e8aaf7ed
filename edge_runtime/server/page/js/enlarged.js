// One cell of a page, large: its own pixels of the image, its place in the field, and the four verdicts. It shows no
// score and none of the machine's marks: whoever looks has not said anything yet.

import { h, put, s } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { boxOf } from "./leftout.js";
import { picture } from "./pictures.js";
import { named } from "./words.js";

const AROUND = 2.4; // times the longer side of the cell's box
const SIGNS = { asexual: "asexual", gametocyte: "gametocyte", "no-parasite": "cross", unsure: "unsure" };

/**
 * Open the dialog at a place of the page. mark(place, verdict or null) gives a mark; marks are those so far, by name;
 * closed(place) is called at the end.
 */
export function enlarge({ session, verdicts, cells, marks, place, mark, closed }) {
  const fields = new Map(); // by number: promises of their documents
  const title = h("h2", { id: "enlarged-title" });
  const close = h("button", { type: "button", class: "quiet", "aria-label": t("close"), onclick: () => dialog.close() }, icon("cross"));
  const before = h("button", { type: "button", class: "quiet", "aria-label": t("grid.previous-cell"), onclick: () => go(-1) }, icon("left"));
  const after = h("button", { type: "button", class: "quiet", "aria-label": t("grid.next-cell"), onclick: () => go(1) }, icon("right"));
  const large = h("div", { class: "enlarged-cell" });
  const around = h("div", { class: "enlarged-place" });
  const names = Object.keys(verdicts);
  const buttons = names.map((name, index) =>
    h("button", { type: "button", class: `verdict verdict-${name}`, "aria-keyshortcuts": index + 1, onclick: () => give(name) },
      icon(SIGNS[name] ?? "unsure"), h("span", {}, named("verdict", name)), h("kbd", { "aria-hidden": "true" }, index + 1)));
  const dialog = h("dialog", { class: "enlarged", "aria-labelledby": title.id, onkeydown: (event) => key(event) },
    h("div", { class: "enlarged-top" }, title, before, after, close),
    h("div", { class: "enlarged-pictures" }, large, around),
    h("div", { class: "verdicts", role: "group", "aria-label": t("review.verdicts") }, buttons));

  const shown = () => cells[place];
  const go = (step) => {
    if (!cells[place + step]) return;
    place += step;
    draw();
  };
  const give = (name) => {
    mark(place, name === "no-parasite" ? null : name);
    dialog.close();
  };
  const key = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const button = buttons[Number(event.key) - 1];
    if (button) button.click();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") go(event.key === "ArrowLeft" ? -1 : 1);
    else if (event.key === "Enter" && event.target === dialog) dialog.close();
    else return;
    event.preventDefault();
  };
  const draw = () => {
    const { cell } = shown();
    title.textContent = t("review.cell", { cell });
    before.disabled = place === 0;
    after.disabled = place === cells.length - 1;
    names.forEach((name, index) => buttons[index].setAttribute("aria-pressed", String((marks[cell] ?? "no-parasite") === name)));
    put(around);
    put(large, picture(session.picture(cell), { alt: t("review.picture", { cell }) }, (how) => {
      if (how !== "seen" && shown().cell === cell && !large.querySelector("canvas")) put(large, h("p", {}, t("review.no-picture")));
    }));
    const number = Number(cell.split(".")[0]);
    if (!fields.has(number)) fields.set(number, session.field(number));
    fields.get(number).then((field) => {
      const box = boxOf(field, cell);
      if (shown().cell === cell && field.image && box) inField(field, box, cell);
    }, () => fields.delete(number)); // the small picture stays
  };

  /** The cell's pixels as the camera gave them, and a frame where it lies. */
  const inField = (field, box, cell) => {
    const image = picture(field.image, { alt: "" }, (how) => {
      if (how !== "seen" || shown().cell !== cell) return;
      const side = Math.round(AROUND * Math.max(box[2], box[3]));
      const left = Math.round(box[0] + (box[2] - side) / 2);
      const top = Math.round(box[1] + (box[3] - side) / 2);
      const canvas = h("canvas", { width: side, height: side, role: "img", "aria-label": t("review.picture", { cell }) });
      canvas.getContext("2d").drawImage(image, left, top, side, side, 0, 0, side, side);
      put(large, canvas);
    });
    const reach = 0.5 * Math.max(box[2], box[3]);
    const frame = { x: box[0] - reach, y: box[1] - reach, width: box[2] + 2 * reach, height: box[3] + 2 * reach };
    const svg = s("svg", { class: "marks", viewBox: `0 0 ${field.width} ${field.height}`, role: "img", "aria-label": t("review.where", { field: field.field }) },
      s("rect", { ...frame, class: "halo" }), s("rect", { ...frame, class: "mark-here" }));
    put(around, h("div", { class: "marked" }, image, svg), h("span", { class: "view-name" }, t("review.where", { field: field.field })));
  };

  dialog.addEventListener("close", () => {
    dialog.remove();
    closed(place);
  });
  document.body.append(dialog);
  draw();
  dialog.showModal();
  dialog.tabIndex = -1;
  dialog.focus();
  return dialog;
}
