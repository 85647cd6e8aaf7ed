// Words for what the server names by a short kind: problems, refusals, reasons, verdicts.

import { has, language, t } from "./language.js";

const SPARSE = 0.02; // below, the server's sentence on density asks for a thicker place
const FEW = 5; // cells

/** Why something failed. The server's own sentence is English; other languages have sentences by kind. */
export function problemText(problem) {
  const key = `problem.${problem.kind}`;
  if (problem.detail && (language() === "en" || !has(key))) return problem.detail;
  return has(key) ? t(key) : t("problem.strange-answer");
}

/** Why a field was refused, and what to turn: [[title, advice], ...]. */
export function refusals(field) {
  const { quality, cells } = field.result;
  return (quality.refused ?? []).map(({ kind, message }) => {
    const exact = kind === "density" ? (quality.density < SPARSE || cells.length < FEW ? "sparse" : "thick") : kind;
    const advice = language() !== "en" && has(`advice.${exact}`) ? t(`advice.${exact}`) : message;
    return [has(`refused.${exact}`) ? t(`refused.${exact}`) : t("refused.other"), advice];
  });
}

/** A text by kind, or the kind itself where the catalogue does not know it. */
export function named(family, kind) {
  const key = `${family}.${kind}`;
  return has(key) ? t(key) : kind;
}
