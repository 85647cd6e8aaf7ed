// What stands around the thumbnails: who looks and for which species, how it is done, the choices, and the end.

import { choice, h, labelled } from "./dom.js";
import { score } from "./figures.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { endWords } from "./rankwords.js";
import { named } from "./words.js";

const CODE = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,31}";

/** The form before the first page: begun(reviewer, species) is called with what it says. */
export function beginForm(session, info, { suggested, species, again, begun }) {
  const code = h("input", {
    name: "reviewer", required: true, pattern: CODE, maxlength: 32, autocomplete: "off", autocapitalize: "characters",
    value: suggested,
  });
  const kind = speciesChoice(info, species);
  const submit = (event) => {
    event.preventDefault();
    begun(code.value.trim(), kind.value);
  };
  return h("form", { class: "card grid-begin", onsubmit: submit }, h("h2", {}, again ? t("grid.second") : t("tab.grid")),
    h("p", {}, again ? t("grid.second-words") : t("grid.about")), h("p", { class: "soft" }, t("grid.taps")),
    h("div", { class: "pair" }, labelled(t("review.reviewer"), code, t("review.reviewer-hint")),
      labelled(t("review.species"), kind, t("grid.species-hint"))),
    h("button", { class: "main" }, t("grid.begin")), singleLink(session));
}

/** How thumbnails are marked, by finger and by key. */
export function hintLine() {
  return h("p", { class: "grid-hint" }, h("span", { class: "taps" }, t("grid.taps")), h("span", { class: "keys" }, t("grid.keys")));
}

/** The choices: species, another person, how it is done, single cells, and the scores of what was marked last. */
export function optionsDialog(session, info, { species, reviewer, before, chosen, another }) {
  const kind = speciesChoice(info, species);
  kind.addEventListener("change", () => chosen(kind.value));
  const change = () => {
    dialog.close();
    another();
  };
  const marks = before?.marks ?? [];
  const dialog = h("dialog", { class: "grid-options", "aria-labelledby": "grid-options-title" },
    h("h2", { id: "grid-options-title" }, t("tab.grid")),
    labelled(t("review.species"), kind, t("grid.species-hint")),
    h("button", { type: "button", onclick: change }, t("review.change", { reviewer })),
    h("p", {}, t("grid.taps")), h("p", {}, t("grid.keys")),
    singleLink(session),
    h("form", { method: "dialog" }, h("button", { class: "main" }, t("close"))),
    marks.length > 0 && h("div", {}, h("h2", {}, t("grid.before", { page: before.number })), h("ul", {}, marks.map((mark) =>
      h("li", {}, `${mark.cell}: ${named("verdict", mark.verdict)}, ${t("review.score", { score: score(mark.probability) })}`)))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** What to read when there is no page: the end of the review in one sentence, or why there is nothing to look at. */
export function endCard(session, state, again, second) {
  const link = (place, text) => h("a", { class: "button main", href: `#/${session.code}/${place}` }, text);
  if (!state.cells) return h("div", { class: "card narrow" }, h("p", {}, t("problem.nothing-counted")), link("count", t("tab.count")));
  return h("div", { class: "card grid-end" },
    h("p", { class: "done" }, icon("tick"), again ? t("grid.second-end") : t("grid.enough")),
    h("p", {}, endWords(state)), !state.curve && !state.estimate && h("p", { class: "soft" }, t("grid.no-curve")),
    h("div", { class: "grid-ways" }, link("report", t("review.to-report")),
      h("button", { type: "button", onclick: second }, t("grid.second")), singleLink(session)));
}

function speciesChoice(info, chosen) {
  return choice([["", t("not-said")], ...info.species.map((name) => [name, named("species", name)])], chosen);
}

function singleLink(session) {
  return h("a", { class: "more-link", href: `#/${session.code}/review` }, t("grid.single"));
}
