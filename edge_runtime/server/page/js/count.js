// The count screen: live view with its gauges, the capture button, the last field, and the running count.

import { connection } from "./api.js";
import { h, put } from "./dom.js";
import { gauges } from "./gauges.js";
import { icon } from "./icons.js";
import { intake } from "./intake.js";
import { mainKey } from "./keys.js";
import { t } from "./language.js";
import { liveView } from "./live.js";
import { notice, say, unnotice } from "./notices.js";
import { stage } from "./stage.js";
import { briefWords, progressWords, tally } from "./tally.js";
import { problemText, refusals } from "./words.js";

const BUZZ = { accepted: 40, refused: [60, 80, 60] }; // ms, felt through gloves where a phone can

/** Show the screen: {node, leave}. */
export async function countScreen({ session, info }) {
  const live = info.camera ? liveView((event) => meters.show(event)) : null;
  const view = stage(live?.node ?? null);
  const meters = info.camera ? gauges(view.advise) : null;
  const glance = h("div", { class: "glance" });
  const outcome = h("div", { class: "outcome" });
  const count = h("div", { class: "tally-slot" });
  const brief = h("p", { class: "brief", "aria-hidden": "true" }); // the count is in the panel; here it is in sight
  const showCount = () => {
    put(count, tally(session.status));
    put(brief, briefWords(session.status));
  };

  const showOutcome = (field, fresh) => {
    view.showField(field, fresh);
    put(glance, strip(field));
    put(outcome, outcomeLines(session, field));
    node.dataset.empty = "false";
    if (!fresh) return;
    navigator.vibrate?.(field.accepted ? BUZZ.accepted : BUZZ.refused);
    unnotice("capture");
    say(`${outcome.textContent} ${progressWords(session.status)}`);
  };
  const files = intake(session, (field) => showOutcome(session.takeField(field), true));
  const shutter = info.camera ? captureButton(session, showOutcome) : null;
  const drop = h("div", { class: "drop" }, icon("upload"), h("p", {}, t("intake.drop")), !shutter && files.node);
  const node = h(
    "div",
    { class: "count", "data-empty": "true", "data-camera": String(Boolean(live)) },
    h("h1", { class: "unseen" }, t("count.title")),
    h("div", { class: "look" }, view.node, h("div", { class: "under" }, meters?.node, glance), !live && drop),
    h("div", { class: "panel" }, count, outcome, shutter && h("details", { class: "more" }, h("summary", {}, t("intake.more")), files.node)),
    shutter && h("div", { class: "shutter" }, brief, shutter.node),
  );
  files.dropTarget(node);
  showCount();

  const newest = async () => {
    const before = session.lastField?.field;
    const field = await session.newestField().catch(() => null);
    if (field) showOutcome(field, before !== undefined && field.field !== before);
  };
  // A capture that was under way when the connection broke may have been stored; then it shows up here.
  const back = () => session.refresh().then(newest).catch(() => null);
  session.addEventListener("change", showCount);
  connection.addEventListener("back", back);
  const endKey = shutter ? mainKey(shutter.press) : () => {};
  await newest();
  const leave = () => {
    endKey();
    live?.stop();
    view.stop();
    session.removeEventListener("change", showCount);
    connection.removeEventListener("back", back);
  };
  return { node, leave };
}

function captureButton(session, showOutcome) {
  const label = h("span", {}, t("capture"));
  const node = h("button", { type: "button", class: "capture", onclick: () => press() }, icon("camera"), label);
  let busy = false;
  const press = async () => {
    if (busy) return;
    busy = true;
    node.setAttribute("aria-disabled", "true");
    label.textContent = t("capture.busy");
    try {
      showOutcome(await session.capture(), true);
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("capture", "bad", problemText(problem), { dismiss: true });
    }
    busy = false;
    node.removeAttribute("aria-disabled");
    label.textContent = t("capture");
  };
  return { node, press };
}

/** The outcome in one glance, in the gauges' place while the field is in front. */
function strip(field) {
  const [first] = refusals(field);
  const words = field.accepted ? [icon("tick"), countsOf(field)] : [icon("cross"), h("span", {}, h("b", {}, first?.[0]), " ", first?.[1])];
  return h("p", { class: `strip ${field.accepted ? "accepted" : "refused"}` }, words);
}

function countsOf(field) {
  const { cells } = field.result;
  const suspected = cells.filter((cell) => cell.review || cell.count).length;
  const called = cells.filter((cell) => cell.count).length;
  return t("outcome.counts", {
    cells: t("unit.cells", { n: cells.length }), suspected: t("fields.suspected", { n: suspected }), called: t("start.called", { n: called }),
  });
}

function outcomeLines(session, field) {
  const link = h("a", { href: `#/${session.code}/fields/${field.field}`, class: "more-link" }, t("outcome.look"));
  if (!field.accepted) {
    const reasons = refusals(field).map(([title, advice]) => h("p", {}, h("b", {}, title), " ", advice));
    const title = t("outcome.refused", { field: field.field });
    return h("div", { class: "outcome-card refused" }, icon("cross"), h("div", {}, h("h2", {}, title), reasons, link));
  }
  const title = field.repeat ? t("outcome.repeat", { field: field.field }) : t("outcome.accepted", { field: field.field });
  return h(
    "div",
    { class: "outcome-card accepted" },
    icon("tick"),
    h("div", {}, h("h2", {}, title), h("p", {}, countsOf(field)), link),
  );
}
