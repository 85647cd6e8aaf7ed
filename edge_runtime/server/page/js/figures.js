// Figures as people read them, rounded as in the reports: shares in percent, parasites per microlitre.

import { number, t } from "./language.js";

/** A share of 1 as "0.24 %": two digits that count, three from 10 % up. */
export function percent(share) {
  const value = 100 * share;
  let digits = 0;
  if (value >= 10 && value < 99.95) digits = 1;
  else if (value > 0 && value < 10) while (digits < 8 && value * 10 ** digits < 10) digits += 1;
  return `${number(value, { minimumFractionDigits: digits, maximumFractionDigits: digits })}\u00a0%`;
}

/** Cells per microlitre to two digits; upper limits are rounded up, with Math.ceil. */
export function density(value, rounded = Math.round) {
  const step = value >= 100 ? 10 ** (Math.floor(Math.log10(value)) - 1) : 1;
  return `${number(rounded(value / step) * step)}\u2060/\u2060µL`; // word joiners: no line ends at the slash
}

/** A score, never rounded up to 1: 0.9996 is 0.999. */
export function score(value) {
  return number(Math.floor(value * 1000) / 1000, { minimumFractionDigits: 3 });
}

/** Free disk space in GB. */
export const gigabytes = (bytes) => `${number(bytes / 1e9, { maximumFractionDigits: 1 })}\u00a0${t("unit.gigabyte")}`;
