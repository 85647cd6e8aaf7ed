// The review by rank: a page of thumbnails, the most suspicious first, and one button for all that are not marked.
// The server knows where the review stands. What it does not know yet, marks and an answer that has not arrived, stays
// on this browser until it does: nothing is lost by a reload or a power cut, and nothing counts twice.

import { connection } from "./api.js";
import { h, put } from "./dom.js";
import { enlarge } from "./enlarged.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { forget, keep, keepHere, kept, keptHere } from "./memory.js";
import { notice, say, unnotice } from "./notices.js";
import { picture } from "./pictures.js";
import { beginForm, endCard, hintLine, optionsDialog } from "./gridparts.js";
import { progressWords, restWords } from "./rankwords.js";
import { Thumbnails } from "./thumbnails.js";
import { named, problemText } from "./words.js";

const SETTLE = 400; // ms: the second half of a double tap on the page before falls into this
const NARROW = 88; // px, the least width of a thumbnail
const LOW = 72; // px, their least height on a wide screen
const SHARP = 2; // pixels of a picture for one of the screen's
const REMEMBERED = 50; // answered pages that can be taken back by their keys

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
    this.memo = { species: null, marks: {}, pending: null, keys: [], ...kept(this.memoName) };
    this.page = null;
    this.state = null;
    this.before = null; // the page answered last, with its marks' scores
    this.again = false; // whether this is a second reading
    this.busy = false;
    this.ready = false; // whether the person can have seen the page
    this.seen = false; // whether all of it was in sight
    this.left = false;
    this.scroller = h("div", { class: "grid-scroll", onscroll: () => this.look() });
    this.words = h("div", { class: "grid-words" });
    this.undoButton = h("button", { type: "button", class: "quiet grid-undo", "aria-keyshortcuts": "U Backspace", onclick: () => this.undo() });
    this.optionsButton = h("button", { type: "button", class: "quiet grid-who", onclick: () => this.options() });
    this.nextButton = h("button", { type: "button", class: "main grid-next", "aria-keyshortcuts": "N PageDown", onclick: () => this.next() });
    this.bar = h("div", { class: "grid-bar" }, this.words, h("div", { class: "grid-buttons" }, this.undoButton, this.optionsButton, this.nextButton));
    this.node = h("div", { class: "grid-screen", onkeydown: (event) => this.key(event) },
      h("h1", { class: "unseen" }, t("tab.grid")), this.scroller, this.bar);
  }

  get memoName() {
    return `grid.${this.session.code}`;
  }

  get reviewer() {
    return keptHere("reviewer");
  }

  get focused() {
    return this.thumbs?.buttons[0] ?? this.scroller.querySelector("input, .main") ?? this.scroller;
  }

  remember() {
    keep(this.memoName, this.memo);
  }

  /** What was not delivered goes first, whoever sits here now; then who looks, and for which species. */
  async begin() {
    if (this.memo.pending) await this.deliver();
    else if (this.reviewer && this.memo.species !== null) await this.load();
    else this.drawForm();
  }

  drawForm(suggested = this.reviewer ?? this.session.status.operator ?? "") {
    this.thumbs = null;
    this.page = null;
    this.bar.hidden = true;
    const begun = (reviewer, species) => {
      if (this.memo.reviewer !== reviewer) this.memo.marks = {}; // another person's marks
      Object.assign(this.memo, { reviewer, species });
      keepHere("reviewer", reviewer);
      this.remember();
      this.change(() => this.load());
    };
    put(this.scroller, beginForm(this.session, this.info, { suggested, species: this.memo.species ?? "", again: this.again, begun }));
    this.scroller.querySelector(suggested ? ".main" : "input").focus();
  }

  /** Cells a page, and how many stand in a row, by the room there is. */
  get layout() {
    const main = document.getElementById("main");
    const { clientWidth: width, clientHeight: height } = main;
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
    this.thumbs.lay(columns, Math.floor(wide ? Math.max(LOW, Math.min(width, room)) : width) - 2);
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
    const names = new Set(cells.map(({ cell }) => cell));
    this.memo.marks = Object.fromEntries(Object.entries(this.memo.marks).filter(([name]) => names.has(name)));
    for (const { cell, picture: there } of cells) if (!there) this.memo.marks[cell] ??= "unsure"; // nobody can see it
    this.ready = false;
    this.seen = false;
    this.thumbs = new Thumbnails(cells, this.memo.marks, {
      marked: (cell, mark) => {
        this.remember();
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
    put(this.scroller, this.page.number === 1 && hintLine(), this.thumbs.node, image);
    this.scroller.scrollTop = 0;
    this.bar.hidden = false;
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
    this.bar.hidden = !this.state.begun;
    const second = () => {
      this.again = true;
      this.memo.keys = [];
      this.drawForm("");
    };
    put(this.scroller, endCard(this.session, this.state, this.again, second));
    this.scroller.querySelector(".main")?.focus();
    say(this.scroller.textContent);
    if (!this.memo.keys.length) forget(this.memoName);
    this.session.refresh().catch(() => null); // the header and the other screens show the reviewed count
  }

  drawBar() {
    const { text, alarm } = restWords(this.state);
    const page = this.page && h("b", {}, t("grid.page", { page: this.page.number }));
    put(this.words, h("p", { class: "grid-progress" }, page, " ", progressWords(this.state, this.layout.size)),
      h("p", { class: alarm ? "grid-rest alarm" : "grid-rest" }, text));
    const undo = t("grid.undo");
    this.undoButton.disabled = !this.state.pages;
    put(this.undoButton, icon("undo"), h("span", { class: "grid-label" }, undo));
    this.undoButton.setAttribute("aria-label", undo);
    const species = this.memo.species ? named("species", this.memo.species) : null;
    put(this.optionsButton, h("span", { class: "grid-code" }, this.reviewer), species && h("span", { class: "grid-label" }, species));
    this.optionsButton.setAttribute("aria-label", t("grid.options", { reviewer: this.reviewer }));
    this.nextButton.hidden = !this.page;
    if (!this.page) return;
    const marked = Object.keys(this.memo.marks).length > 0;
    const key = this.memo.pending ? "grid.waiting" : !this.seen ? "grid.more" : marked ? "grid.none-others" : "grid.none";
    this.nextButton.textContent = t(key);
    this.nextButton.setAttribute("aria-disabled", String(!this.ready || this.busy));
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
      session: this.session, verdicts: this.info.verdicts, cells, marks: this.memo.marks, place,
      mark: (at, mark) => this.thumbs.mark(at, mark),
      closed: (at) => !this.left && this.thumbs?.focus(at),
    });
  }

  options() {
    this.dialog = optionsDialog(this.session, this.info, {
      species: this.memo.species ?? "", reviewer: this.reviewer, before: this.before,
      chosen: (species) => {
        this.memo.species = species;
        this.remember();
        this.drawBar();
      },
      another: () => {
        keepHere("reviewer", null);
        this.memo.keys = []; // the next person does not take this one's pages back by a tap
        this.drawForm("");
      },
    });
  }

  /** All cells of the page have been looked at: the marked ones, and the others, which hold nothing. */
  async next() {
    if (this.busy || !this.ready) return;
    if (!this.seen) return this.scroller.scrollBy({ top: this.scroller.clientHeight * 0.9 });
    if (this.memo.pending) return this.change(() => this.deliver());
    const said = (mark) => ({ verdict: mark, ...(mark !== "unsure" && this.memo.species ? { species: this.memo.species } : {}) });
    this.memo.pending = {
      key: [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
      reviewer: this.reviewer,
      cells: this.page.cells.map(({ cell }) => cell),
      verdicts: Object.fromEntries(Object.entries(this.memo.marks).map(([cell, mark]) => [cell, said(mark)])),
      size: this.layout.size,
      again: this.again,
    };
    this.remember();
    await this.change(() => this.deliver());
  }

  /** Send the answer that waits; it is forgotten only when the server has it, or will never take it. */
  async deliver() {
    const { pending } = this.memo;
    let answer = null;
    try {
      answer = await this.session.answerPage(pending);
    } catch (problem) {
      if (problem.kind === "unreachable" || problem.status >= 500 || problem.status === 401) {
        if (!this.state) this.drawWaiting();
        throw problem;
      }
      this.memo.pending = null;
      this.remember();
      throw problem;
    }
    const keys = pending.reviewer === this.reviewer ? [...this.memo.keys, pending.key].slice(-REMEMBERED) : [];
    Object.assign(this.memo, { pending: null, marks: {}, keys });
    this.remember();
    this.before = answer.answered;
    const { kept: others } = answer.answered;
    if (others.length) notice("grid", "warn", t("grid.kept", { n: others.length }), { dismiss: true });
    if (this.reviewer && this.memo.species !== null) this.take(answer);
    else this.drawForm();
  }

  /** Nothing but an answer that has not arrived: the screen was opened without a device. */
  drawWaiting() {
    this.bar.hidden = true;
    const again = h("button", { type: "button", class: "main", onclick: () => this.change(() => this.begin()) }, t("again"));
    put(this.scroller, h("div", { class: "card narrow" }, h("p", {}, t("grid.waiting")), again));
  }

  /** Take the last page back; its marks are there again. */
  async undo() {
    await this.change(async () => {
      const key = this.memo.keys.at(-1);
      let answer = null;
      try {
        answer = await this.session.undoPage({ reviewer: this.reviewer, size: this.layout.size, again: this.again, ...(key ? { key } : {}) });
      } catch (problem) {
        if (problem.kind !== "no-verdict") throw problem;
        this.memo.keys.pop();
        this.remember();
        await this.load();
        return t("grid.nothing-to-undo");
      }
      this.memo.keys.pop();
      this.memo.marks = Object.fromEntries(answer.marks.map(({ cell, verdict }) => [cell, verdict]));
      this.before = null;
      this.remember();
      this.take(answer);
      say(t("grid.undone"));
    });
  }

  /** The connection is back: what it broke is tried again. */
  back() {
    if (this.memo.pending) this.change(() => this.deliver());
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
