// The review: one suspected cell after another, large, four verdicts for one thumb or the keys 1 to 4, and undo.

import { connection } from "./api.js";
import { choice, h, labelled, put } from "./dom.js";
import { score } from "./figures.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { keepHere, keptHere } from "./memory.js";
import { notice, say, unnotice } from "./notices.js";
import { picture } from "./pictures.js";
import { named, problemText } from "./words.js";

const SIGNS = { asexual: "asexual", gametocyte: "gametocyte", "no-parasite": "cross", unsure: "unsure" };
const SETTLE = 400; // ms: the second half of a double tap on the cell before falls into this
const GONE = ["not-current", "no-verdict"]; // kinds of problems: the verdict to take back does not hold any more
const MOST = 10_000; // cells that the server lists at a time
const CODE = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,31}";

/** Show the screen: {node, leave, focus}, with the keys where the focus is; the route's argument is a cell to begin with, such as 7.12. */
export async function reviewScreen({ session, info, route, rename }) {
  const desk = new Desk(session, info, rename);
  await desk.begin(route.argument);
  const back = () => desk.back();
  connection.addEventListener("back", back);
  const leave = () => {
    unnotice("review");
    connection.removeEventListener("back", back);
  };
  return { node: desk.node, leave, focus: desk.node };
}

class Desk {
  constructor(session, info, rename) {
    Object.assign(this, { session, info, rename });
    this.queue = []; // pending cells, the most suspicious first
    this.cell = null;
    this.given = []; // verdicts of this reviewer and visit with their cells, newest last
    this.busy = false;
    this.lost = false; // whether the picture did not come
    this.buttons = []; // of the verdicts; disabled until the person can have seen the cell
    this.node = h("div", { class: "review", tabindex: "-1", onkeydown: (event) => this.key(event) });
  }

  async begin(name) {
    this.queue = (await this.session.review("pending")).cells;
    this.cell = name ? await this.find(name) : (this.queue[0] ?? null);
    this.draw();
  }

  /** An empty queue is no finished review: an answer holds so many cells only, and another phone may have captured. */
  async refill() {
    if (this.queue.length || !this.session.status.review.pending) return;
    this.queue = (await this.session.review("pending")).cells;
    if (!this.queue.length) await this.session.refresh(); // somebody else has given the last verdicts
  }

  async anew() {
    await this.session.refresh();
    await this.begin();
  }

  /** The connection is back: what it broke is tried again. */
  back() {
    if (this.lost) this.draw();
    else if (!this.cell && keptHere("reviewer")) this.anew().catch(() => null);
  }

  /** A cell by name: pending, reviewed already, or one that the machine did not suspect. */
  async find(name) {
    const waiting = this.queue.find((cell) => cell.cell === name);
    if (waiting) return waiting;
    const { cells } = await this.session.review("all", MOST);
    return cells.find((cell) => cell.cell === name) ?? { cell: name, probability: null, verdict: null };
  }

  draw() {
    if (!keptHere("reviewer")) return this.drawReviewer();
    const { review } = this.session.status;
    const place = h("p", { class: "soft" }, t("review.progress", { n: review.suspected - review.pending, all: review.suspected }));
    this.lost = false;
    this.buttons = [];
    put(this.node, h("div", { class: "review-top" }, h("h1", {}, t("tab.review")), place, this.reviewerButton(), this.undoButton()), this.cell ? this.drawCell() : this.drawEnd(), this.drawDone());
    this.node.focus({ preventScroll: true });
  }

  /** To the review by rank, from which people come here. */
  byRank() {
    return h("a", { class: "more-link", href: `#/${this.session.code}/grid` }, t("grid.by-rank"));
  }

  drawReviewer(suggested = this.session.status.operator ?? "") {
    const code = h("input", {
      name: "reviewer", required: true, pattern: CODE, maxlength: 32, autocomplete: "off", autocapitalize: "characters",
      value: suggested,
    });
    const submit = (event) => {
      event.preventDefault();
      keepHere("reviewer", code.value.trim());
      this.draw();
    };
    this.buttons = [];
    put(this.node, h("form", { class: "card narrow", onsubmit: submit }, h("h1", {}, t("tab.review")),
      labelled(t("review.reviewer"), code, t("review.reviewer-hint")), h("button", { class: "main" }, t("review.begin")), this.byRank()));
    return code;
  }

  /** Whose code the verdicts are kept under. A device's own screen is used by several people. */
  reviewerButton() {
    const change = () => {
      if (this.busy) return;
      keepHere("reviewer", null);
      this.given = []; // the next person does not take this one's verdicts back by a tap
      this.drawReviewer("").focus();
    };
    return h("button", { type: "button", class: "quiet reviewer", onclick: change },
      h("span", {}, h("span", { class: "wide-only" }, t("review.by"), " "), t("review.change", { reviewer: keptHere("reviewer") })));
  }

  drawCell() {
    const { cell } = this;
    const field = cell.cell.split(".")[0];
    const known = cell.verdict && t("review.was", { verdict: named("verdict", cell.verdict), reviewer: cell.reviewer ?? "–" });
    const said = cell.probability === null ? null : h("span", {}, t("review.score", { score: score(cell.probability) }));
    const kind = cell.probability === null ? t("cell.not-suspected") : cell.counted ? t("cell.called") : t("cell.review");
    const next = this.queue.find((other) => other !== cell);
    if (next) new Image().src = this.session.picture(next.cell);
    const shown = picture(this.session.picture(cell.cell), { alt: t("review.picture", { cell: cell.cell }) }, (how) => {
      if (!shown.isConnected) return;
      if (how === "none") shown.replaceWith(h("p", { class: "soft no-picture" }, t("review.no-picture")));
      if (how === "lost") return this.drawLost(shown);
      setTimeout(() => buttons.forEach((button) => button.removeAttribute("disabled")), Math.max(0, begun + SETTLE - performance.now()));
    });
    const begun = performance.now();
    const buttons = this.verdictButtons();
    this.buttons = buttons;
    return h(
      "div",
      { class: "cell-card" },
      h("figure", {}, shown, h("figcaption", {}, h("b", {}, t("review.cell", { cell: cell.cell })), said,
        h("span", {}, kind), known && h("span", {}, known),
        h("a", { href: `#/${this.session.code}/fields/${field}`, class: "more-link" }, t("review.where", { field })))),
      h("div", { class: "verdict-side" }, this.drawDetails(),
        h("div", { class: "verdicts", role: "group", "aria-label": t("review.verdicts") }, buttons)),
    );
  }

  /** The picture did not come: nothing can be said of a cell that nobody has seen, until it does. */
  drawLost(shown) {
    this.lost = true;
    const again = h("button", { type: "button", onclick: () => this.draw() }, t("again"));
    shown.replaceWith(h("div", { class: "soft no-picture", role: "alert" }, h("p", {}, t("review.picture-lost")), again));
  }

  verdictButtons() {
    return Object.keys(this.info.verdicts).map((name, index) =>
      h("button", { type: "button", disabled: true, class: `verdict verdict-${name}`, "aria-keyshortcuts": index + 1, onclick: () => this.give(name) },
        icon(SIGNS[name] ?? "unsure"), h("span", {}, named("verdict", name)), h("kbd", { "aria-hidden": "true" }, index + 1)));
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
    if (review.pending) {
      const again = h("button", { type: "button", class: "main", onclick: () => this.change(() => this.anew()) }, t("again"));
      return h("div", { class: "card" }, h("p", {}, t("review.waiting", { n: review.pending })), again);
    }
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
      try {
        const { cells } = await this.session.review("all");
        const done = cells.filter((cell) => cell.verdict);
        put(list, done.length ? done.map((cell) => this.thumbnail(cell)) : h("p", { class: "soft" }, t("review.none-done")));
      } catch (problem) {
        put(list, h("p", { class: "soft" }, problemText(problem)));
      }
    });
    return h("div", {}, more, this.byRank());
  }

  thumbnail(cell) {
    const open = () => {
      this.cell = cell;
      this.rename(`review/${cell.cell}`);
      this.draw();
    };
    return h("button", { type: "button", class: "thumbnail", onclick: open }, picture(this.session.picture(cell.cell), { alt: "", loading: "lazy" }),
      h("span", {}, h("b", {}, cell.cell), " ", named("verdict", cell.verdict)));
  }

  undoButton() {
    const last = this.given.at(-1);
    return h("button", { type: "button", class: "button quiet", disabled: !last, onclick: () => this.undo() }, icon("undo"), last ? t("review.undo-cell", { cell: last.cell }) : t("review.undo"));
  }

  key(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const button = this.buttons[Number(event.key) - 1];
    if (button) button.click(); // does nothing as long as it is disabled
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
      const number = await this.session.giveVerdict(cell.cell, said);
      this.given.push({ cell: cell.cell, number });
      this.queue = this.queue.filter((other) => other.cell !== cell.cell);
      await this.refill().catch(() => null); // the verdict is kept; that cells wait stays in sight
      this.cell = this.queue[0] ?? null;
      say([t("review.given", { cell: cell.cell, verdict: named("verdict", verdict) }), this.comes()].join(" "));
    });
  }

  /** What comes after a verdict, in words. */
  comes() {
    const { pending } = this.session.status.review;
    if (this.cell) return t("review.next", { cell: this.cell.cell });
    return pending ? t("review.waiting", { n: pending }) : t("review.complete");
  }

  async undo() {
    const last = this.given.at(-1);
    await this.change(async () => {
      const overtaken = await this.session.undo(last.cell, keptHere("reviewer"), last.number).then(() => null, (problem) => problem);
      if (overtaken && !GONE.includes(overtaken.kind)) throw overtaken;
      this.given.pop();
      this.queue = (await this.session.review("pending")).cells;
      this.cell = await this.find(last.cell);
      if (!overtaken) return say(t("review.undone", { cell: last.cell }));
      await this.session.refresh();
      return problemText(overtaken);
    });
  }

  /** One change at a time; what fails leaves the cell as it is. The action gives what to tell, if anything. */
  async change(action) {
    if (this.busy) return;
    this.busy = true;
    try {
      const told = await action();
      if (told) notice("review", "bad", told, { dismiss: true });
      else unnotice("review");
      this.rename("review");
      this.draw();
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("review", "bad", problemText(problem), { dismiss: true });
    }
    this.busy = false;
  }
}
