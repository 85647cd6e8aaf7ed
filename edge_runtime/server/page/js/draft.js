// What the server does not know of a session's review yet: marks on the page in hand, and an answer on its way. It stays
// on this browser until the server has it, so nothing is lost by a reload or a power cut, and nothing counts twice.

import { forget, keep, kept } from "./memory.js";

const REMEMBERED = 50; // answered pages that can be taken back by their keys

/** The draft of one session: reviewer, species, marks by the cell's name, the pending answer, keys of answered pages. */
export class Draft {
  constructor(code) {
    this.name = `grid.${code}`;
    this.values = { reviewer: null, species: null, marks: {}, pending: null, keys: [], ...kept(this.name) };
  }

  get species() {
    return this.values.species;
  }

  get marks() {
    return this.values.marks;
  }

  get pending() {
    return this.values.pending;
  }

  /** Key of the page that an undo means; null when this browser knows of none. */
  get lastKey() {
    return this.values.keys.at(-1) ?? null;
  }

  change(values) {
    Object.assign(this.values, values);
    keep(this.name, this.values);
  }

  /** Somebody begins: another person's marks and pages are not theirs. */
  begin(reviewer, species) {
    const same = this.values.reviewer === reviewer;
    this.change({ reviewer, species, ...(same ? {} : { marks: {}, keys: [] }) });
  }

  /** A page has come: marks of other cells go; a cell that nobody can see is unsure. */
  turn(cells) {
    const names = new Set(cells.map(({ cell }) => cell));
    const marks = Object.fromEntries(Object.entries(this.marks).filter(([name]) => names.has(name)));
    for (const { cell, picture } of cells) if (!picture) marks[cell] ??= "unsure";
    this.values.marks = marks;
  }

  /** The answer to a page: what was marked, with the slide's species; all others hold nothing. */
  answer(cells, { reviewer, size, again }) {
    const said = (mark) => ({ verdict: mark, ...(mark !== "unsure" && this.species ? { species: this.species } : {}) });
    const verdicts = Object.fromEntries(Object.entries(this.marks).map(([cell, mark]) => [cell, said(mark)]));
    this.change({ pending: { key: newKey(), reviewer, cells: cells.map(({ cell }) => cell), verdicts, size, again } });
  }

  /** The server has the answer. */
  delivered() {
    const { keys, pending, reviewer } = this.values;
    const own = pending.reviewer === reviewer ? [...keys, pending.key].slice(-REMEMBERED) : keys;
    this.change({ pending: null, marks: {}, keys: own });
  }

  /** A page was taken back, by this browser's key if it had one: its marks are there again. */
  undone(marks = []) {
    this.change({ keys: this.values.keys.slice(0, -1), marks: Object.fromEntries(marks.map(({ cell, verdict }) => [cell, verdict])) });
  }

  /** The review is at its end: nothing needs to stay, except for taking a page back. */
  done() {
    if (!this.lastKey) forget(this.name);
  }
}

/** 128 random bits; crypto.randomUUID is not there for pages of a plain network address. */
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
