// Notices of a page: the signed-in viewer, work in progress, errors.

import { el } from "../browser/elements.ts";
import { keepsTab } from "../browser/stores.ts";
import { showSignIn } from "./sign_in.js";

const NOT_KEPT =
  "This browser blocks storage for this page: you stay signed in until you reload or close it, and" +
  " seconds watched while the server is away are lost with it.";

export function showViewer(identity) {
  document.getElementById("viewer").textContent = identity.name;
  if (!keepsTab) notify("storage", NOT_KEPT);
}

/** Show the notice with this key, or change it in place; `null` content takes it away. */
export function notify(key, content, { tone = "plain", action = null } = {}) {
  const place = document.getElementById("notices");
  const shown = place?.querySelector(`[data-key="${key}"]`);
  if (content === null) shown?.remove();
  else if (shown) changeNotice(shown, content, action);
  else place?.append(drawNotice(key, content, tone, action));
}

function drawNotice(key, content, tone, action) {
  const role = tone === "bad" ? "alert" : "status";
  const button = action && el("button", { type: "button", className: "button" });
  const notice = el("div", { className: `notice ${tone}`, role }, el("p"), button);
  notice.dataset.key = key;
  changeNotice(notice, content, action);
  return notice;
}

// In place, so that a button keeps the focus while its label follows events.
function changeNotice(notice, content, action) {
  notice.querySelector("p").textContent = content;
  const button = notice.querySelector("button");
  if (button && action) Object.assign(button, { textContent: action.label, onclick: action.run });
}

/** Say what went wrong, in the server's own words. */
export function explain(error, action = null) {
  if (error.status === 401) return void showSignIn("Your sign-in has ended.");
  if (error.status === undefined) console.error(error);
  notify("error", inWords(error), { tone: "bad", action });
}

export function inWords(error) {
  const reference =
    error.status >= 500 && error.reference ? ` (Reference: ${error.reference})` : "";
  return `${error.message}${reference}`;
}
