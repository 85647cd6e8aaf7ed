// The review by rank: a page of thumbnails, the most suspicious first, and one button for all that are not marked.
// The server knows where the review stands; what it does not know yet is kept as a draft.

import { connection } from "./api.js";
import { h, put } from "./dom.js";
import { Draft } from "./draft.js";
import { enlarge } from "./enlarged.js";
import { GridBar } from "./gridbar.js";
import { beginForm, endCard, hintLine, optionsDialog } from "./gridparts.js";
import { t } from "./language.js";
import { objectsLine, ofObjects } from "./leftout.js";
import { keepHere, keptHere } from "./memory.js";
import { notice, say, unnotice } from "./notices.js";
import { picture } from "./pictures.js";
import { restWords } from "./rankwords.js";
import { Thumbnails } from "./thumbnails.js";
import { named, problemText } from "./words.js";

const SETTLE = 400; // ms: the second half of a double tap on the page before falls into this
const NARROW = 88; // px, the least width of a thumbnail
const LOW = 72; // px, their least height on a wide screen
const SHARP = 2; // pixels of a picture for one of the screen's

/** Show the screen: {node, leave, focus}. */
export async function gridScreen({ session, info }) {
  const board = new Board(session, info);
  await board.begin();
  const back = () => board.back();
  const watcher = new ResizeObserver(() => board.lay());
  watcher.observe(board.scroller);
  connection.addEventListener("back", back);
  const leave = () => {
    board.left = true;
    watcher.disconnect();
    board.dialog?.close();
    unnotice("grid");
    connection.removeEventListener("back", back);
  };
  return { node: board.node, leave, focus: board.focused };
}

class Board {
  constructor(session, info) {
    Object.assign(this, { session, info });
    this.draft = new Draft(session.code);
    Object.assign(this, { page: null, state: null });
    this.before = null; // the page answered last, with its marks' scores
    this.again = false; // whether this is a second reading
    this.busy = false;
    this.ready = false; // whether the person can have seen the page
    this.seen = false; // whether all of it was in sight
    this.left = false;
    this.scroller = h("div", { class: "grid-scroll", onscroll: () => this.look() });
    this.bar = new GridBar({ undo: () => this.undo(), options: () => this.options(), next: () => this.next() });
    this.node = h("div", { class: "grid-screen", onkeydown: (event) => this.key(event) },
      h("h1", { class: "unseen" }, t("tab.grid")), this.scroller, this.bar.node);
  }

  get reviewer() {
    return keptHere("reviewer");
  }

  get focused() {
    return this.thumbs?.buttons[0] ?? this.scroller.querySelector("input, .main") ?? this.scroller;
  }

  /** What was not delivered goes first, whoever sits here now; then who looks, and for which species. */
  async begin() {
    if (this.draft.pending) await this.deliver();
    else if (this.reviewer && this.draft.species !== null) await this.load();
    else this.drawForm();
  }

  drawForm(suggested = this.reviewer ?? this.session.status.operator ?? "") {
    this.thumbs = null;
    this.page = null;
    this.bar.node.hidden = true;
    const begun = (reviewer, species) => {
      this.draft.begin(reviewer, species);
      keepHere("reviewer", reviewer);
      this.change(() => this.load());
    };
    put(this.scroller, beginForm(this.session, this.info, { suggested, species: this.draft.species ?? "", again: this.again, begun }));
    this.scroller.querySelector(suggested ? ".main" : "input").focus();
  }

  /** Cells a page, and how many stand in a row, by the room there is. */
  get layout() {
    const { clientWidth: width, clientHeight: height } = document.getElementById("main");
    const wide = innerWidth >= 700;
    const size = !wide ? 24 : width >= 1000 && height >= 500 ? 72 : 32;
    const columns = Math.max(3, Math.min(wide ? 12 : 4, Math.floor(width / NARROW - (wide ? 0.1 : 0))));
    return { wide, size, columns, width: width / columns };
  }

  lay() {
    if (!this.thumbs) return;
    const { wide, columns, width } = this.layout;
    const rows = Math.ceil(this.page.cells.length / columns);
    const hint = this.scroller.querySelector(".grid-hint")?.offsetHeight ?? 0;
    const room = (this.scroller.clientHeight - hint) / rows;
    this.thumbs.lay(columns, Math.floor(Math.max(wide ? LOW : NARROW, Math.min(width, room))));
    this.look();
  }

  async load() {
    this.take(await this.session.grid(this.reviewer, this.layout.size, this.again));
  }

  /** A page has come, or there is none. */
  take({ page, state }) {
    Object.assign(this, { page, state });
    if (this.left) return;
    if (page) this.drawPage();
    else this.drawEnd();
    this.drawBar();
  }

  drawPage() {
    const { cells } = this.page;
    this.draft.turn(cells);
    this.ready = false;
    this.seen = false;
    this.thumbs = new Thumbnails(cells, this.draft.marks, {
      marked: (cell, mark) => {
        this.draft.change({});
        this.drawBar();
        say(t("review.given", { cell, verdict: mark ? named("verdict", mark) : t("grid.unmarked") }));
      },
      enlarge: (place) => this.large(place),
      allowed: () => this.ready && !this.busy,
    });
    const side = Math.max(96, Math.min(256, Math.ceil((SHARP * this.layout.width) / 16) * 16));
    const begun = performance.now();
    const image = picture(this.session.sprite(cells, side), { alt: "", class: "unseen" }, (how) => {
      if (!image.isConnected) return;
      if (how !== "seen") return this.drawLost(image);
      this.thumbs.draw(image);
      setTimeout(() => {
        this.ready = true;
        this.drawBar();
      }, Math.max(0, begun + SETTLE - performance.now()));
    });
    const hint = ofObjects(this.page) ? objectsLine() : this.page.number === 1 && this.layout.wide && hintLine();
    put(this.scroller, hint, this.thumbs.node, image);
    this.scroller.scrollTop = 0;
    this.bar.node.hidden = false;
    this.lay();
    this.thumbs.focus(0);
    say([t("grid.page", { page: this.page.number }), t("grid.cells", { n: cells.length }), restWords(this.state).text].join(" "));
  }

  /** The pictures did not come: nothing can be said of cells that nobody has seen. */
  drawLost(image) {
    const again = h("button", { type: "button", onclick: () => this.drawPage() }, t("again"));
    image.replaceWith(h("div", { class: "card narrow grid-lost", role: "alert" }, h("p", {}, t("review.picture-lost")), again));
  }

  drawEnd() {
    this.thumbs = null;
    this.bar.node.hidden = !this.state.begun;
    const second = () => {
      this.again = true;
      this.drawForm("");
    };
    put(this.scroller, endCard(this.session, this.state, this.again, second));
    this.scroller.querySelector(".main")?.focus();
    say(this.scroller.textContent);
    this.draft.done();
    this.session.refresh().catch(() => null); // the header and the other screens show the reviewed count
  }

  drawBar() {
    const marked = Object.keys(this.draft.marks).length > 0;
    this.bar.draw({
      state: this.state,
      page: this.page,
      size: this.layout.size,
      reviewer: this.reviewer,
      species: this.draft.species,
      next: this.draft.pending ? "grid.waiting" : !this.seen ? "grid.more" : marked ? "grid.none-others" : "grid.none",
      ready: this.ready && !this.busy,
    });
  }

  /** A page that is longer than the screen has to be looked at to its end. */
  look() {
    const { scrollTop, clientHeight, scrollHeight } = this.scroller;
    const seen = this.seen || scrollTop + clientHeight >= scrollHeight - 24;
    if (seen === this.seen || !this.thumbs) return;
    this.seen = seen;
    this.drawBar();
  }

  key(event) {
    if (event.target.closest("input, select, textarea, dialog") || event.ctrlKey || event.altKey || event.metaKey) return;
    const name = Object.keys(this.info.verdicts)[Number(event.key) - 1];
    const pressed = event.key.toLowerCase();
    if (this.thumbs?.key(event)) return event.preventDefault(); // arrows may be held down
    if (event.repeat) return;
    if (this.thumbs && name) this.thumbs.say(name === "no-parasite" ? null : name);
    else if (this.thumbs && (pressed === "n" || pressed === "pagedown")) this.next();
    else if ((pressed === "u" || pressed === "backspace") && this.state?.pages) this.undo();
    else return;
    event.preventDefault();
  }

  large(place) {
    const { cells } = this.page;
    this.dialog = enlarge({
      session: this.session, verdicts: this.info.verdicts, cells, marks: this.draft.marks, place,
      mark: (at, mark) => this.thumbs.mark(at, mark),
      closed: (at) => !this.left && this.thumbs?.focus(at),
    });
  }

  options() {
    this.dialog = optionsDialog(this.session, this.info, {
      species: this.draft.species ?? "", reviewer: this.reviewer, before: this.before,
      chosen: (species) => {
        this.draft.change({ species });
        this.drawBar();
      },
      another: () => {
        keepHere("reviewer", null);
        this.drawForm("");
      },
    });
  }

  /** All cells of the page have been looked at: the marked ones, and the others, which hold nothing. */
  async next() {
    if (this.busy || !this.ready) return;
    if (!this.seen) return this.scroller.scrollBy({ top: this.scroller.clientHeight * 0.9 });
    if (this.draft.pending) return this.change(() => this.deliver());
    this.draft.answer(this.page.cells, { reviewer: this.reviewer, size: this.layout.size, again: this.again });
    await this.change(() => this.deliver());
  }

  /** Send the answer that waits; it is forgotten only when the server has it, or will never take it. */
  async deliver() {
    let answer = null;
    this.again = this.draft.pending.again;
    try {
      answer = await this.session.answerPage(this.draft.pending);
    } catch (problem) {
      const passing = problem.kind === "unreachable" || problem.status >= 500 || problem.status === 401;
      if (!passing) this.draft.change({ pending: null });
      throw problem;
    }
    this.draft.delivered();
    this.before = answer.answered;
    const others = answer.answered.kept.length;
    if (others) notice("grid", "warn", t("grid.kept", { n: others }), { dismiss: true });
    if (this.reviewer && this.draft.species !== null) this.take(answer);
    else this.drawForm();
  }

  /** Take the last page back; its marks are there again. */
  async undo() {
    await this.change(async () => {
      const key = this.draft.lastKey;
      let answer = null;
      try {
        answer = await this.session.undoPage({ reviewer: this.reviewer, size: this.layout.size, again: this.again, ...(key ? { key } : {}) });
      } catch (problem) {
        if (problem.kind !== "no-verdict") throw problem;
        this.draft.undone();
        await this.load();
        return t("grid.nothing-to-undo");
      }
      this.draft.undone(answer.marks);
      this.before = null;
      this.take(answer);
      say(t("grid.undone"));
    });
  }

  /** The connection is back: what it broke is tried again. */
  back() {
    if (this.draft.pending) this.change(() => this.deliver());
    else if (!this.page && this.state) this.change(() => this.load());
  }

  /** One change at a time; what fails leaves the page as it is. The action gives what to tell, if anything. */
  async change(action) {
    if (this.busy) return;
    this.busy = true;
    if (this.state) this.drawBar();
    try {
      unnotice("grid");
      const told = await action();
      if (told) notice("grid", "bad", told, { dismiss: true });
    } catch (problem) {
      if (!problem.kind) throw problem;
      if (problem.kind !== "unreachable") notice("grid", "bad", problemText(problem), { dismiss: true });
    } finally {
      this.busy = false;
      if (this.state && !this.left) this.drawBar();
    }
  }
}
