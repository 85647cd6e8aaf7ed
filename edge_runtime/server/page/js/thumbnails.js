// A page of thumbnails, cut from one image: a tap marks, a hold enlarges, arrows move, digits mark and move on.
// Letter and line tell the marks apart, not only colour.

import { h, put } from "./dom.js";
import { t } from "./language.js";
import { reasonOf } from "./leftout.js";
import { named } from "./words.js";

export const TAPS = ["asexual", "gametocyte", "unsure", null]; // one tap after another; null is no mark
const HOLD = 450; // ms
const STILL = 12; // px that a finger may move while it holds
const SPRITE_COLUMNS = 8;
const PRESSED = { asexual: "true", gametocyte: "true", unsure: "mixed" };

/**
 * The thumbnails of a page: cells as the server lists them, marks by their names.
 * marked(cell, mark) and enlarge(place) are called for what the person does; allowed() says whether they may yet.
 */
export class Thumbnails {
  constructor(cells, marks, { marked, enlarge, allowed }) {
    Object.assign(this, { cells, marks, marked, enlarge, allowed });
    this.place = 0; // of the one that keys are meant for
    this.columns = 1;
    this.buttons = cells.map((cell, place) => this.button(cell, place));
    this.node = h("div", { class: "thumbs", role: "grid", "aria-label": t("grid.cells", { n: cells.length }) });
    cells.forEach((_, place) => this.show(place));
  }

  /** Lay them out in rows of so many, each so many pixels high. */
  lay(columns, height) {
    this.node.style.setProperty("--columns", columns);
    this.node.style.setProperty("--row", `${height}px`);
    if (columns === this.columns && this.node.firstChild) return;
    this.columns = columns;
    const held = this.buttons.includes(document.activeElement);
    const rows = [];
    for (let first = 0; first < this.buttons.length; first += columns) {
      const cells = this.buttons.slice(first, first + columns).map((button) => h("div", { role: "gridcell" }, button));
      rows.push(h("div", { role: "row" }, cells));
    }
    put(this.node, rows);
    if (held) this.focus();
  }

  /** Cut the pictures from the image of all of them. */
  draw(image) {
    const side = image.naturalWidth / Math.min(SPRITE_COLUMNS, this.cells.length);
    this.buttons.forEach((button, place) => {
      const canvas = button.firstChild;
      canvas.width = canvas.height = side;
      const [x, y] = [place % SPRITE_COLUMNS, Math.floor(place / SPRITE_COLUMNS)];
      canvas.getContext("2d").drawImage(image, x * side, y * side, side, side, 0, 0, side, side);
    });
  }

  /** Put the focus on the thumbnail that keys are meant for. */
  focus(place = this.place) {
    this.buttons[this.place].tabIndex = -1;
    this.place = place;
    this.buttons[place].tabIndex = 0;
    this.buttons[place].focus();
  }

  /** Give a cell another mark, null for none. */
  mark(place, mark) {
    if (!this.allowed()) return;
    const { cell } = this.cells[place];
    if (mark) this.marks[cell] = mark;
    else delete this.marks[cell];
    this.show(place);
    this.marked(cell, mark);
  }

  /** Whether a key was for the thumbnails; it is done then. */
  key(event) {
    const last = this.cells.length - 1;
    const { place, columns } = this;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step !== undefined) {
      if (place + step >= 0 && place + step <= last) this.focus(place + step);
      else if (event.key === "ArrowDown" && Math.floor(place / columns) < Math.floor(last / columns)) this.focus(last);
    } else if (event.key === "Home") this.focus(0);
    else if (event.key === "End") this.focus(last);
    else if (event.key === "Enter" && this.buttons.includes(event.target)) this.enlarge(place);
    else return false;
    return true;
  }

  /** Mark the cell that keys are meant for, and go on to the next. */
  say(mark) {
    if (!this.allowed()) return;
    this.mark(this.place, mark);
    this.focus(Math.min(this.place + 1, this.cells.length - 1));
  }

  show(place) {
    const { cell, picture } = this.cells[place];
    const button = this.buttons[place];
    const mark = this.marks[cell] ?? null;
    const reason = reasonOf(this.cells[place]);
    const said = mark ? named("verdict", mark) : t("grid.unmarked");
    button.dataset.mark = mark ?? "";
    button.setAttribute("aria-pressed", PRESSED[mark] ?? "false");
    button.setAttribute("aria-label", [t("grid.cell", { cell, place: place + 1, said }), reason && t("objects.reason", { reason }), picture ? null : t("review.no-picture")].filter(Boolean).join(" "));
    button.lastChild.textContent = mark ? named("mark", mark) : "";
  }

  button(cell, place) {
    let timer = null;
    let from = null;
    let held = false;
    const end = () => clearTimeout(timer);
    const large = () => {
      end();
      held = true; // the click that ends a hold is no tap
      this.enlarge(place);
    };
    return h(
      "button",
      {
        type: "button",
        class: cell.picture ? "thumb" : "thumb pictureless",
        tabindex: place ? -1 : 0,
        onpointerdown: (event) => {
          held = false;
          from = [event.clientX, event.clientY];
          end();
          if (event.button === 0) timer = setTimeout(large, HOLD);
        },
        onpointermove: (event) => from && Math.hypot(event.clientX - from[0], event.clientY - from[1]) > STILL && end(),
        onpointerup: end,
        onpointercancel: end,
        onpointerleave: end,
        oncontextmenu: (event) => {
          event.preventDefault();
          if (!held) large();
        },
        onfocus: () => {
          this.buttons[this.place].tabIndex = -1;
          this.place = place;
          this.buttons[place].tabIndex = 0;
        },
        onclick: () => {
          if (held) held = false;
          else this.mark(place, TAPS[(TAPS.indexOf(this.marks[this.cells[place].cell] ?? null) + 1) % TAPS.length]);
        },
      },
      h("canvas", { "aria-hidden": "true" }),
      cell.reason && h("span", { class: "thumb-reason", "aria-hidden": "true" }, reasonOf(cell)),
      h("span", { class: "mark-letter", "aria-hidden": "true" }),
    );
  }
}
