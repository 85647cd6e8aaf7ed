// The page: finds the language, signs in, and shows the screen that the address's fragment names.
//   #/                         begin or resume
//   #/S-4KX9WMT/count          count; fields, fields/7, grid, review, review/7.12 and report likewise
// The fragment holds codes only, and a reload comes back to the same place with what the server has stored.

import { decoded } from "./address.js";
import { connection, get, lookNow } from "./api.js";
import { countScreen } from "./count.js";
import { h, put } from "./dom.js";
import { fieldsScreen } from "./fields.js";
import { gridScreen } from "./grid.js";
import { preferredLanguage, t, useLanguage } from "./language.js";
import { forgetHere } from "./memory.js";
import { clearNotices, notice, unnotice } from "./notices.js";
import { reportScreen } from "./report.js";
import { reviewScreen } from "./review.js";
import { openSession } from "./current.js";
import { drawShell, PLACES, showWaiting } from "./shell.js";
import { signIn, signInScreen, signOut, takeToken } from "./signin.js";
import { startScreen } from "./start.js";
import { problemText } from "./words.js";

const SCREENS = { count: countScreen, fields: fieldsScreen, grid: gridScreen, review: reviewScreen, report: reportScreen };
const main = document.getElementById("main");
let info = null;
let session = null;
let screen = null;
let visit = 0; // the newest call of render; older ones that are still loading show nothing
let failed = false;

function readRoute() {
  const [code, tab, argument] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  if (!code) return { code: null, tab: "start", argument: null };
  return { code, tab: PLACES.includes(tab) ? tab : "count", argument: argument ?? null };
}

async function render() {
  visit += 1;
  const mine = visit;
  screen?.leave();
  screen = null;
  failed = false;
  const route = readRoute();
  try {
    info = await get("/v1/info");
    if (!info.signed_in) return showSignIn();
    const opened = route.code ? await fresh(route.code) : null;
    if (mine !== visit) return;
    session = opened;
    if (session && session.code !== route.code) rename([route.tab, route.argument].filter(Boolean).join("/"));
    const made = await (route.code ? SCREENS[route.tab] : startScreen)({ session, info, route, begun, rename });
    if (mine !== visit) return made.leave();
    screen = made;
    shell();
    put(main, made.node);
    main.dataset.screen = route.tab;
    main.scrollTop = 0;
    if ([document.body, main].includes(document.activeElement)) (made.focus ?? main).focus({ preventScroll: true });
  } catch (problem) {
    if (mine !== visit) return;
    if (!problem.kind) throw problem;
    if (problem.status === 401) return showSignIn();
    failed = true;
    session = null;
    shell();
    const again = h("button", { type: "button", class: "main", onclick: render }, t("again"));
    put(main, h("div", { class: "page" }, h("div", { class: "card narrow" }, h("p", {}, problemText(problem)), again,
      h("p", {}, h("a", { href: "#/", class: "more-link" }, t("home"))))));
  }
}

/** The session as it is now: others may have captured or reviewed since it was shown last. */
async function fresh(code) {
  if (session?.code !== code) return openSession(code);
  await session.refresh();
  return session;
}

function shell() {
  drawShell({ route: readRoute(), session, canSignOut: Boolean(info?.signed_in && info.token_needed), changeLanguage, leave });
  session?.addEventListener("change", badge);
}

/** Only the header shows how many cells wait; the screens draw themselves. */
function badge() {
  if (screen && session) showWaiting(session.status);
}

/** Another address for what is shown already, without loading it again. The code is the session's own, never "newest". */
function rename(place) {
  history.replaceState(null, "", `#/${session.code}/${place}`);
}

function begun(status) {
  const code = h("p", { class: "participant" }, status.participant);
  const close = h("button", { class: "main", autofocus: true }, t("begun.go"));
  const dialog = h("dialog", { "aria-labelledby": "begun-title" }, h("form", { method: "dialog" }, h("h2", { id: "begun-title" }, t("begun.title")),
    code, h("p", {}, t("begun.words", { slide: status.slide, code: status.session })), close));
  dialog.addEventListener("close", () => {
    dialog.remove();
    main.focus({ preventScroll: true });
  });
  document.body.append(dialog);
  location.hash = `#/${status.session}/count`;
  dialog.showModal();
}

function showSignIn() {
  session = null;
  screen?.leave();
  screen = signInScreen(render);
  shell();
  put(main, screen.node);
  screen.node.querySelector("input").focus();
}

async function leave() {
  await signOut();
  forgetHere();
  location.hash = "#/";
  render();
}

async function changeLanguage(name) {
  await useLanguage(name, true);
  clearNotices();
  await render();
}

connection.addEventListener("lost", () => notice("connection", "bad", t("connection.lost"), { action: { text: t("again"), run: lookNow } }));
connection.addEventListener("back", () => {
  unnotice("connection");
  if (failed || !screen) render();
});
connection.addEventListener("busy", ({ detail }) => notice("busy", "warn", t("connection.busy", { n: detail })));
connection.addEventListener("free", () => unnotice("busy"));
connection.addEventListener("signed-out", () => screen && showSignIn());
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) start();
  else render();
});

async function start() {
  const token = takeToken();
  if (token) {
    try {
      await signIn(token);
    } catch (problem) {
      if (problem.kind !== "unreachable") notice("signin", "bad", problem.status === 401 ? t("signin.wrong") : problemText(problem), { dismiss: true });
    }
  }
  await render();
}

await useLanguage(preferredLanguage());
await start();
