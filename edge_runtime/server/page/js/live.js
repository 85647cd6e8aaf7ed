// The live view: pictures and readings of the camera, both opened again whenever they break or fall silent.

import { connection, isGone } from "./api.js";
import { h } from "./dom.js";
import { t } from "./language.js";
import { readPictures } from "./mjpeg.js";

const SHORTEST = 1000; // ms before the first new try
const LONGEST = 8000;
const SILENCE = 6000; // ms without a reading, of which the server sends one a second at least
const BEHIND = 10; // looks at new frames without a single picture of them

/**
 * Open the live view: {node, stop}. onReading gets every event of the server, and null when there is none to trust.
 * Nothing is fetched while the page is hidden: a phone in a pocket costs the device nothing.
 */
export function liveView(onReading) {
  const canvas = h("canvas", { role: "img", "aria-label": t("live.picture"), width: 4, height: 3 });
  const state = h("p", { class: "live-state", role: "status" });
  const node = h("div", { class: "live" }, canvas, state);
  let events = null;
  let pictures = null;
  let timer = null;
  let wait = SHORTEST;
  let behind = 0;
  let sequence = -1;

  const tell = (word) => {
    if (node.dataset.camera === word) return;
    node.dataset.camera = word;
    state.textContent = word === "live" ? "" : t(`live.${word}`);
  };
  const close = () => {
    clearTimeout(timer);
    events?.close();
    pictures?.abort();
    events = pictures = null;
  };
  const fail = () => {
    close();
    onReading(null);
    tell(isGone() ? "gone" : "opening");
    timer = setTimeout(open, wait);
    wait = Math.min(LONGEST, wait * 2);
  };
  const draw = async (blob) => {
    const bitmap = await createImageBitmap(blob);
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) Object.assign(canvas, { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    behind = 0;
  };
  const read = (event) => {
    const reading = JSON.parse(event.data);
    behind = reading.sequence === sequence ? behind : behind + 1;
    sequence = reading.sequence;
    if (behind > BEHIND) return fail();
    wait = SHORTEST;
    clearTimeout(timer);
    timer = setTimeout(fail, SILENCE);
    tell(reading.camera);
    onReading(reading);
  };
  const open = () => {
    close();
    if (document.hidden) return;
    const mine = new AbortController();
    pictures = mine;
    behind = 0;
    const over = () => mine.signal.aborted || fail();
    readPictures("/v1/live.mjpeg", mine.signal, draw).then(over, over);
    events = new EventSource("/v1/live/events");
    events.onmessage = read;
    events.onerror = fail;
    timer = setTimeout(fail, SILENCE);
  };
  document.addEventListener("visibilitychange", open);
  connection.addEventListener("back", open);
  tell("opening");
  open();
  const stop = () => {
    close();
    document.removeEventListener("visibilitychange", open);
    connection.removeEventListener("back", open);
  };
  return { node, stop };
}
