// The page for someone without a usable token: what it is, and how to come by one.

import { el } from "../browser/elements.ts";
import { askOtherPages, reloadAs } from "./identity.js";
import { rememberWanted } from "./wanted.js";

export async function showSignIn(reason) {
  rememberWanted(location.pathname);
  const choices = el("p", { className: "choices" });
  const content = document.getElementById("content");
  content.className = "welcome";
  content.replaceChildren(el("h1", {}, reason), explanation(), choices, forOperators());
  const others = await askOtherPages();
  choices.replaceChildren(...others.map(continueAs));
}

function explanation() {
  return el(
    "p",
    {},
    "Open this service through the link in your course site: it signs you in. ",
    location.pathname === "/" ? "" : "You then come back to this video. ",
    "If you came that way and still see this page, go back there and follow the link again.",
  );
}

function continueAs(identity) {
  const goOn = () => reloadAs(identity);
  return el(
    "button",
    { type: "button", className: "button", onclick: goOn },
    `Continue as ${identity.name}`,
  );
}

function forOperators() {
  const page = location.origin + location.pathname;
  return el(
    "details",
    {},
    el("summary", {}, "I run this server"),
    el("p", {}, "Make a token and open this page's address with it:"),
    el("pre", {}, el("code", {}, `run_server.py token --user maria\n${page}#token=…`)),
    el("p", {}, "A link in the course site can lead straight to a video in the same way:"),
    el("pre", {}, el("code", {}, `${location.origin}/watch/…#token=…`)),
  );
}
