// What surrounds every screen: the header with session and tabs, the language, signing out, and the research notice.

import { choice, h, put } from "./dom.js";
import { icon, mark } from "./icons.js";
import { language, t } from "./language.js";
import { LANGUAGES } from "./languages.js";

export const TABS = ["count", "fields", "review", "report"];

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
  document.getElementById("research").textContent = t("research-use");
  document.title = session ? `${t(`tab.${route.tab}`)} · ${session.code} · thinsmear` : "thinsmear";
}

function where(status) {
  const codes = [t("slide", { slide: status.slide }), status.participant].filter(Boolean).join(" · ");
  return h("p", { class: "where" }, h("b", {}, status.session), h("span", {}, codes));
}

function tabs(route, session) {
  const pending = session.status.review.pending;
  const links = TABS.map((tab) => {
    const badge = tab === "review" && pending > 0 && h("span", { class: "badge" }, pending > 999 ? "999+" : pending);
    const note = badge && h("span", { class: "unseen" }, t("review.waiting", { n: pending }));
    const here = route.tab === tab ? "page" : null;
    return h("a", { href: `#/${session.code}/${tab}`, "aria-current": here }, t(`tab.${tab}`), badge && h("span", { "aria-hidden": "true" }, badge), note);
  });
  return h("nav", { class: "tabs", "aria-label": t("tabs") }, links);
}
