// The running count of a session, in figures and in words. It says what so many cells can exclude, never more.

import { h } from "./dom.js";
import { density, gigabytes, percent } from "./figures.js";
import { language, number, t } from "./language.js";
import { named } from "./words.js";

const LITTLE_SPACE = 500e6; // bytes

/** The figure to lead with: the reviewer's once every suspected cell has a verdict, the machine's until then. */
export function leading(status) {
  if (status.review.complete && status.reviewed) {
    const remark = status.review.unsure ? t("tally.unsure", { n: status.review.unsure }) : t("tally.reviewed-remark");
    return { kind: "reviewed", title: t("tally.reviewed"), summary: status.reviewed, range: status.reviewed.raw, remark };
  }
  const machine = status.machine;
  if (!machine) return null;
  if (!machine.corrected_density) {
    return { kind: "machine", title: t("tally.machine-raw"), summary: machine, range: machine.raw, remark: t("tally.raw-remark") };
  }
  const remark = machine.corrected_by === "model card" ? t("tally.card-remark") : t("tally.device-remark");
  return { kind: "machine", title: t("tally.machine"), summary: machine, range: machine.corrected_density, remark };
}

/** The running count: cells, what is still to count, share and density with interval, limit of detection, review. */
export function tally(status) {
  return h("section", { class: "tally", "aria-label": t("tally.name") }, counted(status), headline(status), h("dl", { class: "facts" }, facts(status)));
}

/** One sentence for screen readers after a field. */
export function progressWords(status) {
  const left = toCount(status);
  const cells = t("tally.cells-words", { n: status.totals.cells });
  return left ? `${cells} ${left}` : cells;
}

/** The count in one line: cells, and how many are to go. */
export function briefWords(status) {
  const rule = status.stop_rule && named("stop-short", status.stop_rule);
  const left = status.to_count === 0 ? t("tally.short-done", { rule }) : status.to_count ? t("tally.short-left", { n: status.to_count }) : null;
  return [h("b", {}, t("tally.short", { n: status.totals.cells })), left && h("span", {}, left)];
}

function counted(status) {
  const { cells } = status.totals;
  const images = status.totals.fields + status.totals.single_cells;
  const target = status.stop?.target ?? null;
  const left = toCount(status);
  return h(
    "div",
    { class: "counted" },
    h("p", { class: "big" }, h("b", {}, number(cells)), " ", t("tally.cells-in", { n: images })),
    target !== null && progress(cells, target),
    left && h("p", { class: "to-count" }, left),
  );
}

function progress(cells, target) {
  const fill = h("span", { class: "bar-fill" });
  fill.style.width = `${Math.min(100, (100 * cells) / target)}%`;
  const range = { "aria-valuemin": 0, "aria-valuemax": target, "aria-valuenow": Math.min(cells, target) };
  return h("div", { class: "bar", role: "progressbar", "aria-label": t("tally.progress"), ...range }, fill);
}

function toCount(status) {
  if (!status.stop_rule) return null;
  const rule = named("stop-short", status.stop_rule);
  if (status.to_count === 0) return t("tally.enough", { rule });
  if (status.to_count === null) {
    if (!status.totals.cells) return t("tally.rule", { rule });
    return status.stop?.kind === "never" ? t("tally.unreachable", { rule }) : t("tally.not-yet", { rule });
  }
  return t("tally.to-count", { n: status.to_count, rule });
}

function headline(status) {
  const lead = leading(status);
  if (!lead) return h("p", { class: "headline-none" }, t("tally.nothing"));
  const { kind, summary, range, title, remark } = lead;
  const share = excluded(status, lead);
  const called = { n: summary.infected, cells: summary.counted };
  return h(
    "div",
    { class: "headline" },
    h("h2", {}, title),
    h(
      "p",
      { class: "figure" },
      h("b", {}, percent(range.estimate.rate)),
      h("span", {}, density(range.estimate.per_microlitre)),
    ),
    h("p", { class: "interval" }, t("tally.interval", {
      low: percent(range.low.rate), high: percent(range.high.rate),
      least: density(range.low.per_microlitre), most: density(range.high.per_microlitre),
    })),
    h("p", { class: "soft" }, kind === "reviewed" ? t("tally.found", called) : t("tally.called", called)),
    share !== null && h("p", { class: "excludes" }, t(kind === "reviewed" ? "tally.excludes-reviewed" : "tally.excludes-machine", {
      n: summary.counted, share: percent(share), density: density(share * range.estimate.red_cells.per_microlitre),
    })),
    h("p", { class: "soft" }, remark),
  );
}

/** The share that a count without a single cell excludes more than; null when it found some, or nobody worked it out. */
function excluded(status, { kind, summary }) {
  if (summary.infected > 0) return null;
  if (status.excludes !== undefined) return status.excludes_kind === kind ? status.excludes : null;
  return kind === "reviewed" && status.review.unsure ? null : summary.excluded_by_zero; // unsure cells may hold parasites
}

function facts(status) {
  const cells = (status.reviewed ?? status.machine)?.raw.estimate.red_cells;
  const rows = [
    [t("fact.limit"), limitWords(status)],
    status.totals.cells > 0 && [t("fact.review"), reviewWords(status)],
    status.review.gametocytes > 0 && [t("fact.gametocytes"), t("unit.cells", { n: status.review.gametocytes })],
    status.totals.refused > 0 && [t("fact.refused"), t("unit.fields", { n: status.totals.refused })],
    cells && [t("fact.red-cells"), t(`red-cells.${cells.source}`, { n: cells.per_microlitre })],
    status.free_bytes < LITTLE_SPACE && [t("fact.space"), gigabytes(status.free_bytes)],
  ];
  return rows.filter(Boolean).map(([name, text]) => h("div", {}, h("dt", {}, name), h("dd", {}, text)));
}

function limitWords(status) {
  const limit = status.detection_limit;
  if (!limit) return language() === "en" && status.detection_words ? capital(status.detection_words) : t("limit.none");
  if (limit.limit === null) return limit.floor === null ? t("limit.never") : t("limit.unreachable", { n: limit.counted });
  return t("limit.reached", { share: percent(limit.limit), density: density(limit.per_ul) });
}

function reviewWords({ review }) {
  if (!review.suspected) return t("review.none-suspected");
  return review.pending ? t("review.pending-of", { n: review.pending, all: review.suspected }) : t("review.all-done", { n: review.suspected });
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
