// What surrounds every screen: the header with session and tabs, the language, signing out, and the research notice.

import { choice, h, put } from "./dom.js";
import { icon, mark } from "./icons.js";
import { language, t } from "./language.js";
import { LANGUAGES } from "./languages.js";

export const TABS = ["count", "fields", "grid", "report"];
export const PLACES = [...TABS, "review"]; // the review of single cells has no tab of its own

/** Draw the header for a route; session is null on screens without one. */
export function drawShell({ route, session, canSignOut, changeLanguage, leave }) {
  const languages = choice(Object.entries(LANGUAGES), language(), { "aria-label": t("language"), class: "language" });
  languages.addEventListener("change", () => changeLanguage(languages.value));
  put(
    document.getElementById("top"),
    h("a", { class: "brand", href: "#/", "aria-label": t("home") }, mark(), h("span", {}, "thinsmear")),
    session && where(session.status),
    session && tabs(route, session),
    h("div", { class: "corner" }, languages,
      canSignOut && h("button", { type: "button", class: "quiet", onclick: leave, "aria-label": t("signout") }, icon("out"))),
  );
  document.getElementById("top").dataset.session = String(Boolean(session));
  if (session) showWaiting(session.status);
  document.getElementById("research").textContent = t("research-use");
  document.title = session ? `${t(`tab.${route.tab}`)} · ${session.code} · thinsmear` : "thinsmear";
}

/** How many cells wait for a verdict, if any need one; the rest of the header stays, and with it the focus. */
export function showWaiting({ review, rank }) {
  const pending = rank?.leading === "reviewed" ? 0 : review.pending; // enough was looked at by rank
  put(document.getElementById("waiting"),
    pending > 0 && h("span", { class: "badge", "aria-hidden": "true" }, pending > 999 ? "999+" : pending),
    pending > 0 && h("span", { class: "unseen" }, t("review.waiting", { n: pending })));
}

function where(status) {
  const codes = [t("slide", { slide: status.slide }), status.participant].filter(Boolean).join(" · ");
  return h("p", { class: "where" }, h("b", {}, status.session), h("span", {}, codes));
}

function tabs(route, session) {
  const links = TABS.map((tab) =>
    h("a", { href: `#/${session.code}/${tab}`, "aria-current": tab === (route.tab === "review" ? "grid" : route.tab) ? "page" : null },
      t(tab === "grid" ? "tab.review" : `tab.${tab}`), tab === "grid" && h("span", { id: "waiting" })));
  return h("nav", { class: "tabs", "aria-label": t("tabs") }, links);
}
