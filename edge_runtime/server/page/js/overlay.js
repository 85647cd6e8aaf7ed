// A field with its cells marked, drawn as SVG over the image: suspected cells numbered, what was left out by its reason.
// Shape and line tell the marks apart, not only colour: thick solid with a filled number (called infected), dashed with
// a light number (to review), dotted with a letter (left out), long and short dashes with o1 (left out, to look at), a
// fine double line with a1 (added by a person), thin (no suspicion).

import { h, s } from "./dom.js";
import { score } from "./figures.js";
import { t } from "./language.js";
import { picture } from "./pictures.js";
import { named } from "./words.js";

const TEXT = 13; // px on the screen, whatever the size of the image

/** Suspected cells with their numbers, the most suspicious first, as in reports and overlays of the command line. */
export function suspects(field) {
  return field.result.cells
    .map((cell, index) => ({ ...cell, index }))
    .filter((cell) => cell.review || cell.count)
    .sort((one, other) => other.probability - one.probability || one.index - other.index)
    .map((cell, place) => ({ ...cell, number: place + 1 }));
}

/**
 * The image with its marks: {node, stop}. With link, suspected cells lead to link(cell); with all, every cell is drawn.
 */
export function marked(field, { link = null, all = false } = {}) {
  // Retention removes images and leaves the counts.
  if (!field.image) return { node: h("p", { class: "no-image" }, t("overlay.no-image")), stop: () => {} };
  const { width, height } = field;
  const found = suspects(field).filter((cell) => cell.box); // an image of one cell has no boxes
  const svg = s("svg", { class: "marks", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet" });
  if (!link) for (const [name, value] of [["role", "img"], ["aria-label", summary(field, found)]]) svg.setAttribute(name, value);
  const image = picture(field.image, { alt: link ? summary(field, found) : "", draggable: "false" });
  const node = h("div", { class: "marked" }, image, svg);
  const draw = () => {
    if (!node.clientWidth || !node.clientHeight) return; // not on the page yet
    const unit = 1 / Math.min(node.clientWidth / width, node.clientHeight / height); // image pixels of one on the screen
    svg.replaceChildren(
      ...boxesLeftOut(field).map((item) => leftOut(item, unit, field)),
      ...objectsOf(field).map(({ object, box }) => beside(object, box, "object", unit, field)),
      ...addedTo(field).map(({ cell, box }) => beside(cell, box, "added", unit, field)),
      ...(all ? field.result.cells.filter((cell) => cell.box && !cell.review && !cell.count).map(plain) : []),
      ...found.map((cell) => s("g", {}, frame(cell.box, kindOf(cell), 2 * unit))),
      // numbers lie above all frames, the most suspicious on top
      ...[...found].reverse().map((cell) => suspect(cell, unit, field, link)),
    );
  };
  const watcher = new ResizeObserver(draw);
  watcher.observe(node);
  draw();
  return { node, stop: () => watcher.disconnect() };
}

/** What the marks mean, with how many there are of each. */
export function legend(field, all) {
  const cells = field.result.cells;
  const called = cells.filter((cell) => cell.count).length;
  const review = cells.filter((cell) => cell.review && !cell.count).length;
  const drawn = boxesLeftOut(field).length > 0;
  const rows = [
    called > 0 && ["called", "1", t("legend.called", { n: called })],
    review > 0 && ["review", "2", t("legend.review", { n: review })],
    all && ["plain", "", t("legend.plain", { n: cells.length - called - review })],
    ...Object.entries(field.result.excluded)
      .filter(([, count]) => count > 0)
      .map(([reason, count]) => [drawn && "left-out", letter(reason), t("legend.left-out", { n: count, reason: named("reason", reason) })]),
  ];
  const objects = objectsOf(field).length;
  const added = addedTo(field).length;
  rows.push(objects > 0 && ["object", "o", t("legend.object", { n: objects })], added > 0 && ["added", "a", t("legend.added", { n: added })]);
  const items = rows.filter(Boolean).map(([kind, sign, text]) => h("li", {}, kind && sample(kind, sign), text));
  return h("ul", { class: "legend" }, items);
}

/** Places of what was left out; the server knows them of a field that was just read, the store keeps their number only. */
const boxesLeftOut = (field) => field.result.excluded_boxes ?? [];

const objectsOf = (field) => field.result.objects ?? [];
const addedTo = (field) => field.added ?? [];

function summary(field, found) {
  const cells = t("unit.cells", { n: field.result.cells.length });
  return t("overlay.summary", { field: field.field, cells, n: found.length });
}

const letter = (reason) => named("letter", reason);

function frame(box, kind, grow = 0) {
  const [x, y, w, h] = box;
  const place = { x: x - grow, y: y - grow, width: w + 2 * grow, height: h + 2 * grow };
  return [s("rect", { ...place, class: "halo" }), s("rect", { ...place, class: `mark-${kind}` })];
}

const kindOf = (cell) => (cell.count ? "called" : "review");

const plain = (cell) => s("g", {}, frame(cell.box, "plain"));

function tag(box, text, kind, unit, field) {
  const size = TEXT * unit;
  const wide = size * (0.65 * text.length + 0.6);
  const tall = size * 1.25;
  const x = Math.max(0, Math.min(box[0], field.width - wide));
  const y = Math.max(0, box[1] - tall);
  const words = s("text", { x: x + wide / 2, y: y + tall * 0.79, "text-anchor": "middle", "font-size": size, class: `tag-${kind}` });
  words.textContent = text;
  return [s("rect", { x, y, width: wide, height: tall, rx: size * 0.2, class: `tag-back-${kind}` }), words];
}

function leftOut({ box, reason }, unit, field) {
  return s("g", {}, frame(box, "left-out"), tag(box, letter(reason), "left-out", unit, field));
}

/** An object, or a cell that a person added, with the end of its name. */
function beside(name, box, kind, unit, field) {
  return s("g", {}, frame(box, kind, 2 * unit), tag(box, name.split(".")[1], kind, unit, field));
}

function suspect(cell, unit, field, link) {
  const parts = tag(cell.box, String(cell.number), kindOf(cell), unit, field);
  if (!link) return s("g", {}, parts);
  const [x, y, w, h] = cell.box;
  const reach = 24 * unit; // a mark can be hit with a finger however small the cell is drawn
  const dx = Math.max(0, reach - w) / 2;
  const dy = Math.max(0, reach - h) / 2;
  const target = s("rect", { x: x - dx, y: y - dy, width: w + 2 * dx, height: h + 2 * dy, class: "target" });
  const label = t("overlay.cell", { number: cell.number, cell: cell.cell, score: score(cell.probability) });
  return s("a", { href: link(cell), "aria-label": label, class: "suspect" }, parts, target);
}

function sample(kind, sign) {
  const words = s("text", { x: 14, y: 16.5, "text-anchor": "middle", "font-size": 12, class: "sample-text" });
  words.textContent = sign;
  return s(
    "svg",
    { class: "sample", viewBox: "0 0 28 24", "aria-hidden": "true", focusable: "false" },
    s("rect", { x: 3, y: 3, width: 22, height: 18, class: `mark-${kind}` }),
    words,
  );
}
