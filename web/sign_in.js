// The page for someone without a usable token: what it is, and how to come by one.

import { el } from "./elements.js";
import { askOtherPages, keepToken } from "./identity.js";

export async function showSignIn(reason) {
  const choices = el("p", { className: "choices" });
  const content = document.getElementById("content");
  content.className = "welcome";
  content.replaceChildren(el("h1", {}, reason), explanation(), choices, forOperators());
  const others = await askOtherPages();
  choices.replaceChildren(...others.map(continueAs));
}

function explanation() {
  return el("p", {}, "Open this service through the link in your course site: it signs you in. ",
    "If you came that way and still see this page, go back there and follow the link again.");
}

function continueAs(identity) {
  const goOn = () => {
    keepToken(identity.token);
    location.reload();
  };
  return el("button", { type: "button", className: "button", onclick: goOn }, `Continue as ${identity.name}`);
}

function forOperators() {
  const command = `run_server.py token --user maria\n${location.origin}/#token=…`;
  return el("details", {},
    el("summary", {}, "I run this server"),
    el("p", {}, "Make a token and open the address with it:"),
    el("pre", {}, el("code", {}, command)));
}
