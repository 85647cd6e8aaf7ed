// Texts in the chosen language: catalogues, placeholders, plurals, and the language's numbers and dates.

import { FALLBACK, LANGUAGES } from "./languages.js";
import { keep, kept } from "./memory.js";

let code = FALLBACK;
let catalogue = {};

/** Code of the language in use, such as "fr". */
export const language = () => code;

/** The language that the person chose before, else the first of the browser's that there is. */
export function preferredLanguage() {
  const wanted = [kept("language"), ...(navigator.languages ?? [])];
  const known = wanted.map((name) => String(name).slice(0, 2).toLowerCase()).find((name) => name in LANGUAGES);
  return known ?? FALLBACK;
}

/** Load a catalogue and use it from now on. */
export async function useLanguage(name, remember = false) {
  const answer = await fetch(`/page/messages/${name}.json`);
  if (!answer.ok) throw new Error(`messages/${name}.json: ${answer.status}`);
  catalogue = await answer.json();
  code = name;
  document.documentElement.lang = name;
  if (remember) keep("language", name);
}

/** Whether the catalogue has a text. */
export const has = (key) => key in catalogue;

/**
 * A text with its placeholders filled: t("unit.fields", {n: 3}).
 * Texts with plural forms are chosen by the value n, which is written in the language's digits as all numbers are.
 */
export function t(key, values = {}) {
  let text = catalogue[key];
  if (text === undefined) return key;
  if (typeof text !== "string") text = text[new Intl.PluralRules(code).select(values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (all, name) => {
    const value = values[name];
    if (value === undefined) return all;
    return typeof value === "number" ? number(value) : String(value);
  });
}

/** A number in the language's digits and separators. */
export const number = (value, options = {}) => new Intl.NumberFormat(code, options).format(value);

/** Day and time of an ISO 8601 text, in the browser's own time zone. */
export function moment(text) {
  const when = new Date(text);
  if (Number.isNaN(when.getTime())) return "";
  return new Intl.DateTimeFormat(code, { dateStyle: "medium", timeStyle: "short" }).format(when);
}
