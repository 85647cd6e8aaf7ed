// The open session as the server knows it. The page keeps nothing of its own that a reload would lose.

import { get, send } from "./api.js";

/** Load a session by its code, or by a name that the server knows, such as "newest". */
export async function openSession(code) {
  const session = new OpenSession(code);
  await session.refresh();
  session.name(session.status.session); // "newest" is another one as soon as somebody begins the next
  return session;
}

/** Fires "change" after every new status. */
class OpenSession extends EventTarget {
  constructor(code) {
    super();
    this.name(code);
    this.status = null;
    this.turn = 0; // of statuses taken
    this.lastField = null;
  }

  name(code) {
    this.code = code;
    this.path = `/v1/sessions/${encodeURIComponent(code)}`;
  }

  /** Ask for the newest status; an answer that something newer has overtaken is dropped. */
  async refresh() {
    const { turn } = this;
    const status = await get(this.path);
    if (turn === this.turn) this.take(status);
  }

  /** A newer status has come. */
  take(status) {
    this.turn += 1;
    this.status = status;
    this.dispatchEvent(new Event("change"));
  }

  /** All fields so far, oldest first: numbers and counts only. */
  async fields() {
    const { fields } = await get(`${this.path}/fields`);
    return fields.sort((one, other) => one.field - other.field);
  }

  /** One field with its cells. */
  field(number) {
    return get(`${this.path}/fields/${number}`);
  }

  /** Capture the camera's newest frame as a field. */
  async capture() {
    return this.takeField(await send("POST", `${this.path}/capture`));
  }

  /** A field document has come, with the status after it. */
  takeField(field) {
    this.lastField = field;
    this.take(field.status);
    return field;
  }

  /** The last field, asked for when this page has not seen it yet; null before the first. */
  async newestField() {
    const fields = await this.fields();
    const last = fields.at(-1);
    if (last && this.lastField?.field !== last.field) this.takeField(await this.field(last.field));
    return this.lastField;
  }

  /** Suspected cells: {review, cells}; which is "pending" or "all". */
  review(which, most = 1000) {
    return get(`${this.path}/review?verdict=${which}&limit=${most}`);
  }

  /** Where the picture of a cell is. */
  picture(cell) {
    return `${this.path}/cells/${cell}/picture`;
  }

  /** Give a verdict on a cell: {verdict, species, stage, reviewer}; its number, null when the server gives none. */
  async giveVerdict(cell, said) {
    const answer = await send("PUT", `${this.path}/cells/${cell}/verdict`, said);
    this.takeReview(answer);
    return answer.verdict?.number ?? null;
  }

  /** Take a verdict on a cell back; with its number only if no other was given since. */
  async undo(cell, reviewer, number) {
    const which = new URLSearchParams({ reviewer, ...(number === null ? {} : { number }) });
    this.takeReview(await send("DELETE", `${this.path}/cells/${cell}/verdict?${which}`));
  }

  /** The status after a verdict. Without it the reviewed figures are not known any more, so they are asked for. */
  takeReview({ review, status }) {
    if (status) return this.take(status);
    this.take({ ...this.status, review, reviewed: null });
    this.refresh().catch(() => null);
  }

  /** The next page of the review by rank: {page, state}. */
  grid(reviewer, size, again) {
    return get(`${this.path}/grid?${new URLSearchParams({ reviewer, size, again })}`);
  }

  /** Where the pictures of a page's cells are, as one image with squares of so many pixels. */
  sprite(cells, side) {
    return `${this.path}/grid/sprite?cells=${cells.map(({ cell }) => cell).join(",")}&side=${side}`;
  }

  /** Answer a page of the review by rank; the same key again is the same answer. */
  answerPage(answer) {
    return send("POST", `${this.path}/grid`, answer);
  }

  /** Take an answered page back: {reviewer, size, again} and, where it is known, its key. */
  undoPage(which) {
    return send("POST", `${this.path}/grid/undo`, which);
  }

  /** Add a cell to a field: {x, y, verdict, reviewer, key}; the answer has the cell and all added ones. */
  async addCell(field, said) {
    const answer = await send("POST", `${this.path}/fields/${field}/added-cells`, said);
    this.take(answer.status);
    return answer;
  }

  /** Take an added cell back. */
  async takeCellBack(cell, reviewer) {
    const answer = await send("DELETE", `${this.path}/added-cells/${cell}?${new URLSearchParams({ reviewer })}`);
    this.take(answer.status);
    return answer;
  }

  /** Keep a count by eye. */
  async countByEye(count) {
    this.take(await send("POST", `${this.path}/manual-counts`, count));
  }
}
