// A cell that the machine did not box: a tap in the field, or two numbers, say where it is; then the verdict.

import { h, labelled, put, s } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { keepHere, keptHere } from "./memory.js";
import { notice, say, unnotice } from "./notices.js";
import { named, problemText } from "./words.js";

const CODE = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,31}";
const VERDICTS = ["asexual", "gametocyte", "unsure"];

/** The part of a field's panel that adds cells; changed() is called when the picture has to be drawn anew. */
export class CellAdder {
  constructor(session, field, changed) {
    Object.assign(this, { session, field, changed });
    this.open = false;
    this.busy = false;
    this.key = null; // of the cell in hand: sent twice it counts once
    this.node = h("section", { class: "add-cell", "aria-labelledby": "add-cell-title" });
    this.draw();
  }

  draw() {
    if (this.open) this.drawForm();
    else put(this.node, h("h2", { id: "add-cell-title" }, t("added.title")), this.list(),
      h("button", { type: "button", class: "add-begin", onclick: () => this.turn(true) }, t("added.begin")));
  }

  list() {
    if (!this.field.added?.length) return null;
    return h("ul", {}, this.field.added.map(({ cell, verdict }) => h("li", {}, h("span", {}, `${cell}: ${named("verdict", verdict)}`),
      h("button", { type: "button", class: "quiet", "aria-label": t("added.undo", { cell }), onclick: () => this.takeBack(cell) }, icon("undo")))));
  }

  drawForm() {
    const { width, height } = this.field;
    const place = (name, most) => h("input", { name, type: "number", inputmode: "numeric", min: 0, max: most - 1, required: true, oninput: () => this.cross() });
    this.x = place("x", width);
    this.y = place("y", height);
    this.reviewer = h("input", {
      name: "reviewer", required: true, pattern: CODE, maxlength: 32, autocomplete: "off", autocapitalize: "characters",
      value: keptHere("reviewer") ?? this.session.status.operator ?? "",
    });
    const buttons = VERDICTS.map((name) => h("button", { value: name, class: `verdict verdict-${name}` }, icon(name), h("span", {}, named("verdict", name))));
    const form = h("form", { onsubmit: (event) => this.send(event) }, h("h2", { id: "add-cell-title" }, t("added.begin")),
      h("p", {}, t("added.how")),
      h("div", { class: "pair" }, labelled(t("added.x"), this.x), labelled(t("added.y"), this.y)),
      labelled(t("review.reviewer"), this.reviewer, t("review.reviewer-hint")),
      h("div", { class: "verdicts", role: "group", "aria-label": t("review.verdicts") }, buttons),
      h("button", { type: "button", class: "quiet", onclick: () => this.turn(false) }, t("close")));
    put(this.node, form);
  }

  turn(open) {
    this.open = open;
    this.key = null;
    unnotice("added");
    this.draw();
    this.changed();
    (open ? this.x : this.node.querySelector(".add-begin")).focus();
  }

  /** Lie over the picture of the field while a place is looked for: a tap there gives it. */
  over(picture) {
    if (!this.open) return;
    const { width, height } = this.field;
    this.svg = s("svg", { class: "marks add-place", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet", "aria-hidden": "true" });
    this.svg.addEventListener("click", (event) => this.tapped(event));
    picture.append(this.svg);
    this.cross();
  }

  tapped({ clientX, clientY }) {
    const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    const { width, height } = this.field;
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    this.x.value = Math.floor(x);
    this.y.value = Math.floor(y);
    this.cross();
    this.node.querySelector(".verdicts").scrollIntoView({ block: "nearest" });
    say(t("added.place", { x: this.x.value, y: this.y.value }));
  }

  cross() {
    this.key = null; // another place is another cell
    const [x, y] = [this.x, this.y].map(({ value, validity }) => (value !== "" && validity.valid ? Number(value) : NaN));
    if (Number.isNaN(x + y)) return this.svg?.replaceChildren();
    const reach = Math.max(this.field.width, this.field.height) / 30;
    const lines = [[x - reach, y, x - reach / 3, y], [x + reach / 3, y, x + reach, y], [x, y - reach, x, y - reach / 3], [x, y + reach / 3, x, y + reach]];
    const drawn = (kind) => lines.map(([x1, y1, x2, y2]) => s("line", { x1, y1, x2, y2, class: kind }));
    this.svg?.replaceChildren(...drawn("cross-halo"), ...drawn("cross"));
  }

  async send(event) {
    event.preventDefault();
    const reviewer = this.reviewer.value.trim();
    keepHere("reviewer", reviewer);
    this.key ??= [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const said = { x: Number(this.x.value), y: Number(this.y.value), verdict: event.submitter?.value ?? VERDICTS[0], reviewer, key: this.key };
    await this.change(() => this.session.addCell(this.field.field, said), ({ cell }) => t("added.done", { cell: cell.cell }));
  }

  async takeBack(cell) {
    const reviewer = keptHere("reviewer") ?? this.field.added.find((one) => one.cell === cell).reviewer;
    await this.change(() => this.session.takeCellBack(cell, reviewer), () => t("added.undone", { cell }));
  }

  /** One change at a time; what fails leaves everything as it is. */
  async change(action, told) {
    if (this.busy) return;
    this.busy = true;
    try {
      const answer = await action();
      this.field.added = answer.added.filter(({ cell }) => cell.startsWith(`${this.field.field}.`));
      this.turn(false);
      say(told(answer));
    } catch (problem) {
      if (!problem.kind) throw problem;
      notice("added", "bad", problemText(problem), { dismiss: true });
    } finally {
      this.busy = false;
    }
  }
}
