// What the live view says of itself: focus, light, cells. Word, sign and length say it; colour only repeats it.

import { h, put } from "./dom.js";
import { icon } from "./icons.js";
import { number, t } from "./language.js";

const LEVELS = {
  focus: { sharp: "good", soft: "fair", blurred: "bad" },
  exposure: { ok: "good", dark: "bad", bright: "fair", clipped: "bad" },
  density: { ok: "good", sparse: "fair", thick: "fair" },
};
const ADVICE = {
  focus: { soft: "focus", blurred: "focus" },
  exposure: { dark: "exposure", bright: "saturated", clipped: "saturated" },
  density: { sparse: "sparse", thick: "thick" },
};
const DAMAGE_SHOWN = 10000; // milliseconds for which damaged pictures are spoken of
const SIGNS = { good: "tick", fair: "warning", bad: "cross" };

/**
 * Gauges below the live view: {node, show(event)}; event is one of /v1/live/events, or null for none. advise gets the one
 * thing to turn now, or null.
 */
export function gauges(advise) {
  const bar = h("span", { class: "bar-fill" });
  const focus = gauge("focus", h("span", {
    class: "bar", role: "meter", "aria-label": t("gauge.focus"), "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": 0,
  }, bar));
  const exposure = gauge("exposure");
  const density = gauge("density");
  const node = h("section", { class: "gauges", "aria-label": t("gauge.all") }, focus.node, exposure.node, density.node);
  const damage = damageCounter();
  const show = (event) => {
    const reading = event?.sequence >= 0 && event.camera === "live" ? event : null; // else there was no look yet
    const share = Math.max(0, Math.min(1, reading?.focus ?? 0));
    bar.style.width = `${Math.round(100 * share)}%`;
    bar.parentElement.setAttribute("aria-valuenow", Math.round(100 * share));
    const focusWord = reading?.focus_word;
    bar.parentElement.setAttribute("aria-valuetext", focusWord ? t(`focus.${focusWord}`) : "–");
    focus.say(focusWord);
    exposure.say(reading?.exposure);
    density.say(reading?.density, Number.isFinite(reading?.cells) ? number(reading.cells) : null);
    advise(damage(event) ?? adviceFor(reading));
  };
  show(null);
  return { node, show };
}

function gauge(name, extra = null) {
  const value = h("span", { class: "gauge-value" });
  const node = h("div", { class: `gauge gauge-${name}` }, h("span", { class: "gauge-name" }, t(`gauge.${name}`)), value, extra);
  const say = (word, figure = null) => {
    const level = LEVELS[name][word];
    node.dataset.level = level ?? "none";
    const text = word && word !== "unknown" ? t(`${name}.${word}`) : null;
    put(value, level && icon(SIGNS[level]), figure && h("b", {}, figure), text && h("span", {}, text), !text && !figure && h("span", {}, "–"));
  };
  return { node, say };
}

/** Says how many pictures arrived damaged, for a while after each of them: focus and light would not help. */
function damageCounter() {
  let count = null;
  let grown = -Infinity;
  return (event) => {
    if (!Number.isFinite(event?.damaged)) return null;
    if (count !== null && event.damaged > count) grown = performance.now();
    count = event.damaged;
    return performance.now() - grown < DAMAGE_SHOWN ? t("advice.damaged", { n: count }) : null;
  };
}

/** One thing to turn at a time: light before focus, focus before place. */
function adviceFor(reading) {
  if (!reading) return null;
  for (const name of ["exposure", "focus", "density"]) {
    const word = reading[name === "focus" ? "focus_word" : name];
    const kind = ADVICE[name][word];
    if (kind) return t(`advice.${kind}`);
  }
  return null;
}
