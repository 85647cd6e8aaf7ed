// The first screen: begin a session, or go on with one.

import { get, send } from "./api.js";
import { choice, h, labelled, put } from "./dom.js";
import { has, moment, number, t } from "./language.js";
import { keep, kept } from "./memory.js";
import { notice, unnotice } from "./notices.js";
import { problemText } from "./words.js";

const CODE = "[A-Za-z0-9][A-Za-z0-9._\\-]{0,31}";
const PRECISION = "25%";

/** Show the screen: {node, leave}. begun(status) is called with a session that was just made. */
export async function startScreen({ info, begun }) {
  const list = h("div", { class: "session-list" });
  const node = h(
    "div",
    { class: "start" },
    h("section", { class: "card", "aria-labelledby": "new-title" }, h("h1", { id: "new-title" }, t("start.new")), form(info, begun)),
    h("section", { class: "card", "aria-labelledby": "old-title" }, h("h2", { id: "old-title" }, t("start.resume")), list, info.qr && phoneCode(info.qr)),
  );
  const { sessions } = await get("/v1/sessions");
  if (info.quarantined) notice("quarantine", "warn", t("start.quarantined", { n: info.quarantined }), { dismiss: true });
  put(list, sessions.length ? rows(sessions) : h("p", { class: "soft" }, t("start.none")));
  return { node, leave: () => ["start", "quarantine"].forEach(unnotice) };
}

function form(info, begun) {
  const before = kept("start") ?? {};
  const code = { pattern: CODE, maxlength: 32, autocomplete: "off", autocapitalize: "characters", spellcheck: "false" };
  const slide = h("input", { ...code, name: "slide", required: true });
  const participant = h("input", { ...code, name: "participant", pattern: null });
  const site = h("input", { ...code, name: "site", value: before.site ?? "" });
  const operator = h("input", { ...code, name: "operator" });
  const stains = info.stains.map((stain) => [stain, has(`stain.${stain}`) ? t(`stain.${stain}`) : stain]);
  const stain = choice([["", t("not-said")], ...stains], before.stain ?? "", { name: "stain" });
  const magnification = h("input", { type: "number", name: "magnification", min: 10, max: 4000, step: "any", inputmode: "decimal", value: before.magnification ?? "" });
  const stop = choice(stopRules(info), before.stop ?? "who", { name: "stop" });
  const blood = redCells();
  const begin = h("button", { type: "submit", class: "main" }, t("start.begin"));
  const own = h(
    "details",
    {},
    h("summary", {}, t("start.own-code")),
    labelled(t("start.participant"), participant, t("start.participant-hint")),
  );

  const submit = async (event) => {
    event.preventDefault();
    const said = {
      slide: slide.value.trim(), participant: participant.value.trim(), site: site.value.trim(), operator: operator.value.trim(),
      stain: stain.value, magnification: magnification.valueAsNumber, stop: stop.value, ...blood.values(),
    };
    const values = Object.fromEntries(Object.entries(said).filter(([, value]) => value !== "" && !Number.isNaN(value)));
    keep("start", { site: values.site, stain: values.stain, magnification: values.magnification, stop: values.stop ?? "" });
    begin.disabled = true;
    try {
      const status = await send("POST", "/v1/sessions", values);
      unnotice("start");
      begun(status);
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("start", "bad", codeProblem(problem) ?? problemText(problem), { dismiss: true });
    }
    begin.disabled = false;
  };
  return h(
    "form",
    { class: "begin", onsubmit: submit },
    labelled(t("start.slide"), slide, t("start.slide-hint")),
    h("p", { class: "generated" }, t("start.generated")),
    own,
    h("div", { class: "pair" }, labelled(t("start.stain"), stain), labelled(t("start.magnification"), magnification)),
    h("div", { class: "pair" }, labelled(t("start.site"), site), labelled(t("start.operator"), operator)),
    blood.node,
    labelled(t("start.stop"), stop),
    begin,
  );
}

/** Which code was not accepted, for the person at this form; the server's sentence is for the command line. */
function codeProblem({ kind, detail }) {
  const what = kind === "wrong-usage" && /^The (participant|slide|site|operator) code /.exec(detail)?.[1];
  if (!what) return null;
  return what === "participant" ? t("start.participant-wrong") : t("start.code-wrong", { name: t(`start.${what}`) });
}

/** The device's own screen shows the code that lets a phone in. */
function phoneCode(address) {
  const picture = h("img", { class: "qr", src: address, alt: t("start.phone-code") });
  return h("details", {}, h("summary", {}, t("start.phone")), h("p", { class: "soft" }, t("start.phone-hint")), picture);
}

function redCells() {
  const ways = [["", t("blood.none")], ["rbc_per_ul", t("blood.count")], ["haematocrit", t("blood.haematocrit")]];
  const limits = { rbc_per_ul: [300000, 10000000], haematocrit: [5, 75] };
  const way = choice(ways, "", { name: "blood" });
  const figure = h("input", { type: "number", step: "any", inputmode: "decimal", name: "figure", required: true, disabled: true });
  const amount = labelled("", figure);
  const show = () => {
    const [min, max] = limits[way.value] ?? ["", ""];
    Object.assign(figure, { min, max, disabled: !way.value });
    amount.hidden = !way.value;
    if (way.value) amount.querySelector("label").textContent = t(`blood.figure.${way.value}`);
  };
  way.addEventListener("change", show);
  show();
  const node = h("div", { class: "pair" }, labelled(t("start.blood"), way), amount);
  return { node, values: () => (way.value ? { [way.value]: figure.valueAsNumber } : {}) };
}

function stopRules(info) {
  const presets = Object.entries(info.stop_rules).map(([name, cells]) => [
    name,
    has(`stop.${name}`) ? t(`stop.${name}`) : `${name}: ${Number.isFinite(cells) ? number(cells) : ""}`,
  ]);
  return [...presets, [PRECISION, t("stop.precision")], ["", t("stop.none")]];
}

function rows(sessions) {
  // In the server's order: without a clock the moments say nothing.
  return h("ul", { class: "sessions" }, sessions.map((session) => {
    const { code, slide, cells, infected } = session;
    const begun = session.clock === "unset" ? t("start.clock-unset") : moment(session.begun);
    return h(
      "li",
      {},
      h(
        "a",
        { href: `#/${code}/count`, "aria-label": t("start.open", { code, slide }) },
        h("b", {}, code),
        h("span", {}, [t("slide", { slide }), session.participant ?? t("start.blank")].join(" · ")),
        h("span", { class: "soft" }, [begun, t("unit.cells", { n: cells }), t("start.called", { n: infected })].join(" · ")),
      ),
    );
  }));
}
