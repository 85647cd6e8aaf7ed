// The report of a session: its figures, the printed page, files to take away, and counts by eye.

import { h, labelled, put } from "./dom.js";
import { percent } from "./figures.js";
import { icon } from "./icons.js";
import { language, moment, t } from "./language.js";
import { keptHere } from "./memory.js";
import { notice, unnotice } from "./notices.js";
import { tally } from "./tally.js";
import { problemText } from "./words.js";

/** Show the screen: {node, leave}. */
export function reportScreen({ session }) {
  const figures = h("div", {});
  const counts = h("div", {});
  const paper = h("iframe", { class: "paper", title: t("report.paper", { code: session.code }), src: `${session.path}/report.html` });
  const show = () => {
    put(figures, tally(session.status));
    put(counts, eyeCounts(session.status.manual ?? []));
  };
  const node = h(
    "div",
    { class: "report" },
    h(
      "div",
      { class: "panel" },
      h("h1", {}, t("tab.report")),
      figures,
      files(session),
      h("details", { class: "more card" }, h("summary", {}, t("eye.title")), counts, eyeForm(session, () => {
        show();
        paper.src = `${session.path}/report.html`;
      })),
    ),
    h("div", { class: "paper-side" }, session.status.totals.cells > 0 ? paper : h("p", { class: "soft" }, t("report.empty")),
      language() !== "en" && h("p", { class: "soft" }, t("report.english"))),
  );
  show();
  return { node, leave: () => unnotice("eye") };
}

function files(session) {
  const one = (name, text) => h("a", { class: "button", href: `${session.path}/${name}`, download: `${session.code}-${name}` }, icon("out"), text);
  return h(
    "div",
    { class: "files", role: "group", "aria-label": t("report.files") },
    session.status.totals.cells > 0 && [one("report.pdf", t("report.pdf")), one("report.html", t("report.html"))],
    one("export.zip", t("report.zip")),
    one("export.json", t("report.json")),
  );
}

function eyeCounts(counts) {
  if (!counts.length) return h("p", { class: "soft" }, t("eye.none"));
  return h("ul", {}, counts.map((count) => h("li", {}, t("eye.line", {
    asexual: count.asexual, n: count.counted, gametocytes: count.gametocytes, share: percent(count.asexual / count.counted),
    who: count.operator, when: moment(count.recorded_at),
  }))));
}

function eyeForm(session, done) {
  const whole = (name, least, value) => h("input", { type: "number", name, min: least, step: 1, inputmode: "numeric", required: true, value });
  const counted = whole("counted", 1, "");
  const asexual = whole("asexual", 0, 0);
  const gametocytes = whole("gametocytes", 0, 0);
  const reviewer = h("input", { name: "reviewer", required: true, maxlength: 32, autocomplete: "off", autocapitalize: "characters", value: keptHere("reviewer") ?? session.status.operator ?? "" });
  const form = h("form", {}, h("div", { class: "pair" }, labelled(t("eye.counted"), counted), labelled(t("eye.asexual"), asexual)),
    h("div", { class: "pair" }, labelled(t("eye.gametocytes"), gametocytes), labelled(t("eye.reviewer"), reviewer)),
    h("button", { class: "main" }, t("eye.keep")));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const count = { counted: counted.valueAsNumber, asexual: asexual.valueAsNumber, gametocytes: gametocytes.valueAsNumber, reviewer: reviewer.value.trim() };
    try {
      await session.countByEye(count);
      notice("eye", "good", t("eye.kept"), { dismiss: true });
      counted.value = "";
      done();
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("eye", "bad", problemText(problem), { dismiss: true });
    }
  });
  return form;
}
