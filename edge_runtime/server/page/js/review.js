// The review: one suspected cell after another, large, four verdicts for one thumb or the keys 1 to 4, and undo.

import { choice, h, labelled, put } from "./dom.js";
import { score } from "./figures.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { keepHere, keptHere } from "./memory.js";
import { notice, say, unnotice } from "./notices.js";
import { named, problemText } from "./words.js";

const SIGNS = { asexual: "asexual", gametocyte: "gametocyte", "no-parasite": "cross", unsure: "unsure" };
const CODE = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,31}";

/** Show the screen: {node, leave}; the route's argument is a cell to begin with, such as 7.12. */
export async function reviewScreen({ session, info, route, rename }) {
  const desk = new Desk(session, info, rename);
  await desk.begin(route.argument);
  return { node: desk.node, leave: () => unnotice("review") };
}

class Desk {
  constructor(session, info, rename) {
    Object.assign(this, { session, info, rename });
    this.queue = []; // pending cells, the most suspicious first
    this.cell = null;
    this.given = []; // names of cells with verdicts of this visit, newest last
    this.busy = false;
    this.node = h("div", { class: "review", tabindex: "-1", onkeydown: (event) => this.key(event) });
  }

  async begin(name) {
    const { cells } = await this.session.review("pending");
    this.queue = cells;
    this.cell = name ? await this.find(name) : (cells[0] ?? null);
    this.draw();
  }

  /** A cell by name: pending, reviewed already, or one that the machine did not suspect. */
  async find(name) {
    const waiting = this.queue.find((cell) => cell.cell === name);
    if (waiting) return waiting;
    const { cells } = await this.session.review("all");
    return cells.find((cell) => cell.cell === name) ?? { cell: name, probability: null, verdict: null };
  }

  draw() {
    if (!keptHere("reviewer")) return this.drawReviewer();
    const { review } = this.session.status;
    const done = review.suspected - review.pending;
    const place = h("p", { class: "soft" }, t("review.progress", { done, all: review.suspected }));
    put(this.node, h("div", { class: "review-top" }, h("h1", {}, t("tab.review")), place, this.undoButton()), this.cell ? this.drawCell() : this.drawEnd(), this.drawDone());
    this.node.focus({ preventScroll: true });
  }

  drawReviewer() {
    const code = h("input", {
      name: "reviewer", required: true, pattern: CODE, maxlength: 32, autocomplete: "off", autocapitalize: "characters",
      value: this.session.status.operator ?? "",
    });
    const submit = (event) => {
      event.preventDefault();
      keepHere("reviewer", code.value.trim());
      this.draw();
    };
    put(this.node, h("form", { class: "card narrow", onsubmit: submit }, h("h1", {}, t("tab.review")),
      labelled(t("review.reviewer"), code, t("review.reviewer-hint")), h("button", { class: "main" }, t("review.begin"))));
  }

  drawCell() {
    const { cell } = this;
    const field = cell.cell.split(".")[0];
    const known = cell.verdict && t("review.was", { verdict: named("verdict", cell.verdict), reviewer: cell.reviewer ?? "–" });
    const said = cell.probability === null ? null : h("span", {}, t("review.score", { score: score(cell.probability) }));
    const kind = cell.probability === null ? t("cell.not-suspected") : cell.counted ? t("cell.called") : t("cell.review");
    const next = this.queue.find((other) => other !== cell);
    if (next) new Image().src = this.session.picture(next.cell);
    const picture = h("img", { src: this.session.picture(cell.cell), alt: t("review.picture", { cell: cell.cell }) });
    picture.addEventListener("error", () => picture.replaceWith(h("p", { class: "soft no-picture" }, t("review.no-picture"))));
    return h(
      "div",
      { class: "cell-card" },
      h("figure", {}, picture, h("figcaption", {}, h("b", {}, t("review.cell", { cell: cell.cell })), said,
        h("span", {}, kind), known && h("span", {}, known),
        h("a", { href: `#/${this.session.code}/fields/${field}`, class: "more-link" }, t("review.where", { field })))),
      h("div", { class: "verdict-side" }, this.drawDetails(), this.drawVerdicts()),
    );
  }

  drawVerdicts() {
    const names = Object.keys(this.info.verdicts);
    return h("div", { class: "verdicts", role: "group", "aria-label": t("review.verdicts") }, names.map((name, index) =>
      h("button", { type: "button", class: `verdict verdict-${name}`, "aria-keyshortcuts": index + 1, onclick: () => this.give(name) },
        icon(SIGNS[name] ?? "unsure"), h("span", {}, named("verdict", name)), h("kbd", { "aria-hidden": "true" }, index + 1))));
  }

  drawDetails() {
    const options = (family, values) => [["", t("not-said")], ...values.map((value) => [value, named(family, value)])];
    this.species = choice(options("species", this.info.species), this.cell.species ?? "");
    this.stage = choice(options("stage-of", this.info.stages), this.cell.stage ?? "");
    return h("details", { class: "more" }, h("summary", {}, t("review.details")),
      h("div", { class: "pair" }, labelled(t("review.species"), this.species), labelled(t("review.stage"), this.stage)));
  }

  drawEnd() {
    const { review } = this.session.status;
    const text = review.suspected ? t("review.complete") : t("review.nothing");
    return h("div", { class: "card" }, h("p", { class: "done" }, icon("tick"), text),
      h("p", {}, h("a", { class: "button main", href: `#/${this.session.code}/report` }, t("review.to-report"))));
  }

  /** Cells that have a verdict, to look at again; loaded when opened. */
  drawDone() {
    const list = h("div", { class: "done-cells" });
    const more = h("details", { class: "more" }, h("summary", {}, t("review.done-cells")), list);
    more.addEventListener("toggle", async () => {
      if (!more.open) return;
      const { cells } = await this.session.review("all");
      const done = cells.filter((cell) => cell.verdict);
      put(list, done.length ? done.map((cell) => this.thumbnail(cell)) : h("p", { class: "soft" }, t("review.none-done")));
    });
    return more;
  }

  thumbnail(cell) {
    const open = () => {
      this.cell = cell;
      this.rename(`review/${cell.cell}`);
      this.draw();
    };
    return h("button", { type: "button", class: "thumbnail", onclick: open }, h("img", { src: this.session.picture(cell.cell), alt: "", loading: "lazy" }),
      h("span", {}, h("b", {}, cell.cell), " ", named("verdict", cell.verdict)));
  }

  undoButton() {
    const last = this.given.at(-1);
    return h("button", { type: "button", class: "button quiet", disabled: !last, onclick: () => this.undo() }, icon("undo"), last ? t("review.undo-cell", { cell: last.cell }) : t("review.undo"));
  }

  key(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const verdict = Object.keys(this.info.verdicts)[Number(event.key) - 1];
    if (verdict && this.cell) this.give(verdict);
    else if ((event.key === "Backspace" || event.key.toLowerCase() === "u") && this.given.length) this.undo();
    else return;
    event.preventDefault();
  }

  async give(verdict) {
    const { cell } = this;
    const parasite = verdict === "asexual" || verdict === "gametocyte";
    const said = { verdict, reviewer: keptHere("reviewer") };
    if (parasite && this.species.value) said.species = this.species.value;
    if (verdict === "asexual" && this.stage.value) said.stage = this.stage.value;
    await this.change(async () => {
      await this.session.giveVerdict(cell.cell, said);
      this.given.push({ ...cell, verdict, reviewer: said.reviewer, species: said.species ?? null, stage: said.stage ?? null });
      this.queue = this.queue.filter((other) => other.cell !== cell.cell);
      this.cell = this.queue[0] ?? null;
      say(`${t("review.given", { cell: cell.cell, verdict: named("verdict", verdict) })} ${this.cell ? t("review.next", { cell: this.cell.cell }) : t("review.complete")}`);
    });
  }

  async undo() {
    const last = this.given.at(-1);
    await this.change(async () => {
      await this.session.undo(last.cell, keptHere("reviewer"));
      this.given.pop();
      const { cells } = await this.session.review("pending");
      this.queue = cells;
      this.cell = await this.find(last.cell);
      say(t("review.undone", { cell: last.cell }));
    });
  }

  /** One change at a time; what fails leaves the cell as it is. */
  async change(action) {
    if (this.busy) return;
    this.busy = true;
    try {
      await action();
      unnotice("review");
      this.rename("review");
      this.draw();
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("review", "bad", problemText(problem), { dismiss: true });
    }
    this.busy = false;
  }
}
