// Where a review by rank stands, in sentences: progress in pages, what the rest holds at most, the end.

import { density, percent } from "./figures.js";
import { t } from "./language.js";
import { outsideWords } from "./leftout.js";

/** How far it is: the page and how many there are if nothing else is found, cells, parasites. */
export function progressWords(state, page, size) {
  const { asexual, gametocytes } = state.at_least;
  const pages = page && Math.max(page.number, page.number - 1 + Math.ceil((state.enough?.to_go ?? 0) / size));
  return [
    page && t("grid.page-of", { page: page.number, n: pages }),
    t("grid.looked", { looked: state.looked, n: state.cells }),
    t("grid.found", { n: asexual + gametocytes }),
  ].filter(Boolean).join(" · ");
}

/** What the cells that nobody has looked at hold at most, or why that cannot be said; {text, alarm}. */
export function restWords(state) {
  if (state.alarm && !state.enough?.reached) return { text: t("grid.alarm"), alarm: true };
  if (!state.begun) return { text: t("grid.first"), alarm: false };
  if (!state.rest) return { text: state.curve ? t("grid.early") : t("grid.no-curve"), alarm: false };
  const empty = state.rest.infected > state.rest.rest / 2; // a bound that says nothing
  return { text: empty ? t("grid.early") : boundWords(state.rest), alarm: false };
}

/** The end of the review in one sentence. */
export function endWords(state) {
  const looked = t("grid.end", { looked: state.looked, n: state.cells });
  const { asexual, gametocytes } = state.at_least;
  const { estimate } = state;
  const parts = [];
  if (!estimate) parts.push(t("grid.end-least", { n: asexual }));
  else if (asexual) {
    const { rate, low, high, per_microlitre: per } = estimate;
    parts.push(t("grid.end-found", { n: asexual, share: percent(rate), low: percent(low), high: percent(high), density: density(per.estimate) }));
  } else {
    const most = state.most ?? estimate.high;
    const perShare = estimate.high ? estimate.per_microlitre.high / estimate.high : 0;
    parts.push(t("grid.end-none", { share: percent(most), density: density(most * perShare, Math.ceil) }));
  }
  if (gametocytes) parts.push(t("grid.end-gametocytes", { n: gametocytes }));
  parts.push(...[outsideWords(state)].filter(Boolean));
  if (state.rest?.rest) parts.push(boundWords(state.rest, "grid.end-rest"));
  return `${looked} ${parts.join("; ")}.`;
}

function boundWords(rest, key = "grid.rest") {
  if (!rest.rest) return t("grid.rest-all");
  if (!rest.infected) return t(`${key}-none`);
  return t(key, { n: rest.infected, density: density(rest.per_microlitre, Math.ceil) });
}
