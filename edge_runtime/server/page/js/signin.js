// Signing in with the device's token: from the address behind the QR code, or typed.

import { decoded } from "./address.js";
import { send } from "./api.js";
import { h, labelled } from "./dom.js";
import { t } from "./language.js";
import { notice, unnotice } from "./notices.js";
import { problemText } from "./words.js";

/** The token in the address's fragment, which is taken out at once so that it is neither shown, kept nor shared. */
export function takeToken() {
  const found = /^#token=(.+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", `${location.pathname}#/`);
  return decoded(found[1]);
}

/** Trade a token for the session cookie. */
export const signIn = (token) => send("POST", "/v1/login", { token });

/** Give the cookie back. */
export const signOut = () => send("POST", "/v1/logout");

/** Show the screen: {node, leave}; done() is called once signed in. */
export function signInScreen(done) {
  const token = h("input", { type: "password", name: "token", required: true, autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  const submit = async (event) => {
    event.preventDefault();
    try {
      await signIn(token.value.trim());
      done();
    } catch (problem) {
      const text = problem.status === 401 ? t("signin.wrong") : problemText(problem);
      if (problem.kind !== "unreachable") notice("signin", "bad", text, { dismiss: true });
    }
  };
  const form = h("form", { class: "card narrow", onsubmit: submit }, h("h1", {}, t("signin.title")), h("p", {}, t("signin.words")),
    labelled(t("signin.token"), token), h("button", { class: "main" }, t("signin.go")));
  return { node: h("div", { class: "page" }, form), leave: () => unnotice("signin") };
}
