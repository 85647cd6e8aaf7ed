// The open session as the server knows it. The page keeps nothing of its own that a reload would lose.

import { get, send } from "./api.js";

/** Load a session: status, and the last field when there is one. */
export async function openSession(code) {
  const session = new OpenSession(code);
  await session.refresh();
  return session;
}

/** Fires "change" after every new status. */
class OpenSession extends EventTarget {
  constructor(code) {
    super();
    this.code = code;
    this.path = `/v1/sessions/${encodeURIComponent(code)}`;
    this.status = null;
    this.turn = 0; // of statuses taken
    this.lastField = null;
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
    if (last && this.lastField?.field !== last.field) this.lastField = await this.field(last.field);
    return this.lastField;
  }

  /** Suspected cells: {review, cells}; which is "pending" or "all". */
  review(which) {
    return get(`${this.path}/review?verdict=${which}&limit=1000`);
  }

  /** Where the picture of a cell is. */
  picture(cell) {
    return `${this.path}/cells/${cell}/picture`;
  }

  /** Give a verdict on a cell: {verdict, species, stage, reviewer}. */
  async giveVerdict(cell, said) {
    this.takeReview(await send("PUT", `${this.path}/cells/${cell}/verdict`, said));
  }

  /** Take the last verdict on a cell back. */
  async undo(cell, reviewer) {
    this.takeReview(await send("DELETE", `${this.path}/cells/${cell}/verdict?reviewer=${encodeURIComponent(reviewer)}`));
  }

  /** Where the review stands is known at once; the figures that follow from it come a moment later. */
  takeReview({ review }) {
    this.take({ ...this.status, review });
    this.refresh().catch(() => null);
  }

  /** Keep a count by eye. */
  async countByEye(count) {
    this.take(await send("POST", `${this.path}/manual-counts`, count));
  }
}
