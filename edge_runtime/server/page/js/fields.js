// All fields of a session, and one field large with everything that was found in it.

import { CellAdder } from "./addcell.js";
import { h, put } from "./dom.js";
import { score } from "./figures.js";
import { icon } from "./icons.js";
import { t } from "./language.js";
import { legend, marked, suspects } from "./overlay.js";
import { refusals } from "./words.js";

/** Show the list, or the field whose number is the route's argument: {node, leave}. */
export function fieldsScreen({ session, route }) {
  return route.argument ? oneField(session, Number(route.argument)) : allFields(session);
}

async function allFields(session) {
  const fields = await session.fields();
  const items = fields.map((field) => {
    const counts = `${t("unit.cells", { n: field.cells })} · ${t("fields.suspected", { n: field.suspected })}`;
    const words = field.accepted ? counts : t("fields.refused");
    return h(
      "li",
      { class: field.accepted ? "accepted" : "refused" },
      h(
        "a",
        { href: `#/${session.code}/fields/${field.field}` },
        icon(field.accepted ? "tick" : "cross"),
        h("b", {}, t("stage.field", { field: field.field })),
        h("span", {}, words),
      ),
    );
  });
  const body = items.length ? h("ol", { class: "field-list" }, items.reverse()) : h("p", { class: "soft" }, t("fields.none"));
  return { node: h("div", { class: "page" }, h("h1", {}, t("tab.fields")), body), leave: () => {} };
}

async function oneField(session, number) {
  const [field, numbers] = await Promise.all([session.field(number), session.fields()]);
  const link = (cell) => `#/${session.code}/review/${cell.cell}`;
  const slot = h("div", { class: "stage still" });
  const key = h("div", {});
  const every = h("input", { type: "checkbox" });
  let picture = null;
  const draw = () => {
    picture?.stop();
    picture = marked(field, { link: field.accepted && !adder?.open ? link : null, all: every.checked });
    put(slot, picture.node);
    adder?.over(picture.node);
    put(key, legend(field, every.checked));
  };
  const takes = field.accepted && field.image && field.result.cells[0]?.box; // an image of one cell takes no other
  const adder = takes ? new CellAdder(session, field, () => draw()) : null;
  every.addEventListener("change", draw);
  draw();
  const reasons = refusals(field).map(([title, advice]) => h("p", {}, h("b", {}, title), " ", advice));
  const node = h(
    "div",
    { class: "one-field" },
    h("div", { class: "look" }, slot),
    h(
      "div",
      { class: "panel" },
      h("div", { class: "walk" }, step(session, numbers, number, -1), h("h1", {}, t("stage.field", { field: number })), step(session, numbers, number, 1)),
      reasons.length > 0 && h("div", { class: "outcome-card refused" }, icon("cross"), h("div", {}, h("h2", {}, t("outcome.refused", { field: number })), reasons)),
      h("p", {}, t("unit.cells", { n: field.result.cells.length })),
      key,
      h("label", { class: "switch" }, every, t("fields.every")),
      adder?.node,
      field.accepted && table(field, link),
    ),
  );
  return { node, leave: () => picture.stop() };
}

function step(session, fields, number, direction) {
  const place = fields.findIndex((field) => field.field === number) + direction;
  const target = fields[place];
  const text = t(direction < 0 ? "fields.previous" : "fields.next");
  const sign = icon(direction < 0 ? "left" : "right");
  if (!target) return h("span", { class: "button quiet", "aria-hidden": "true" });
  return h("a", { class: "button quiet", href: `#/${session.code}/fields/${target.field}`, "aria-label": text }, sign);
}

function table(field, link) {
  const found = suspects(field);
  if (!found.length) return h("p", { class: "soft" }, t("review.none-suspected"));
  const rows = found.map((cell) =>
    h(
      "tr",
      {},
      h("td", {}, cell.number),
      h("td", {}, h("a", { href: link(cell) }, cell.cell)),
      h("td", {}, score(cell.probability)),
      h("td", {}, cell.count ? t("cell.called") : t("cell.review")),
    ),
  );
  const heads = ["number", "cell", "score", "kind"].map((name) => h("th", { scope: "col" }, t(`column.${name}`)));
  return h("table", { class: "cells" }, h("caption", { class: "unseen" }, t("fields.table")), h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
}
