// Identity of the viewer: the token handed over in the address's fragment, kept for this tab alone, or for
// this page where the browser blocks storage.
// A page opened without one (a link in a new tab) asks the viewer's other pages of this browser.
// Reads the token's claims to know the viewer's own id; whether it is genuine, the server decides.

import { lockManager, openChannel } from "../browser/between_pages.ts";
import { keepsTab, tabStore } from "../browser/stores.ts";
import { readClaims } from "../service/claims.ts";
import { askWhetherToChange } from "./change_of_viewer.js";
import { takeWanted } from "./wanted.js";

const KEY = "coursestream.token";
const CHANNEL = "coursestream.identity";
const PATIENCE_MS = 250;
// Held, shared, by every page that would answer: where nobody does, nobody is waited for.
const ANSWERING = "coursestream.answering";

// Tokens that the server has refused while this page was open.
const refused = new Set();

/** The viewer of this tab, or null when there is no token or more than one to choose from. */
export async function adoptIdentity() {
  const handedOver = new URLSearchParams(location.hash.slice(1)).get("token");
  if (handedOver) {
    history.replaceState(null, "", location.pathname + location.search);
    if (await isWelcome(handedOver)) {
      keepToken(handedOver);
      await goWhereWanted();
    }
  }
  // A new token pasted into an open tab changes only the fragment, which loads nothing.
  addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
  const identity = readIdentity(tabStore.getItem(KEY)) ?? (await askForOnly());
  if (identity) answerOtherPages(identity);
  if (identity && !keepsTab) carryToNextPage(identity);
  return identity;
}

export function keepToken(token) {
  tabStore.setItem(KEY, token);
}

/** Reload the page with this token, which a reload would forget where it is only in memory. */
export function reloadAs({ token }) {
  keepToken(token);
  if (keepsTab) location.reload();
  else location.hash = `token=${token}`;
}

/** The server refuses this token: it is kept no longer, and offered by no page of this browser. */
export function retireToken(token) {
  discard(token);
  const channel = openChannel(CHANNEL);
  channel.postMessage({ refused: token });
  channel.close();
}

/** Whoever is signed in on other open pages of this service, each once. */
export async function askOtherPages() {
  if (!(await isAnyoneAnswering())) return [];
  const channel = openChannel(CHANNEL);
  const found = new Map();
  channel.onmessage = ({ data: { token } }) => {
    const identity = readIdentity(token);
    if (identity && !isDead(identity)) found.set(identity.userId, identity);
  };
  channel.postMessage({ isQuestion: true });
  await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  channel.close();
  return [...found.values()];
}

export function readIdentity(token) {
  const claims = token && readClaims(token);
  if (typeof claims?.sub !== "string") return null;
  const roles = Array.isArray(claims.roles) ? claims.roles : [];
  return {
    token,
    userId: claims.sub,
    name: claims.name || claims.sub,
    isPrivileged: roles.includes("admin") || roles.includes("service"),
    expiresAtS: typeof claims.exp === "number" ? claims.exp : Infinity,
  };
}

// A token of another user than is signed in, here or on the other pages, needs consent.
async function isWelcome(token) {
  const next = readIdentity(token),
    kept = readIdentity(tabStore.getItem(KEY));
  const current = kept && !isDead(kept) ? [kept] : await askOtherPages();
  if (!current.length || current.some(({ userId }) => userId === next?.userId)) return true;
  return next !== null && (await askWhileAnswering(current, next, kept));
}

// Meanwhile this page vouches for who is signed in: a second such link, in a new tab, asks as well.
async function askWhileAnswering(current, next, kept) {
  const channel = kept && answerOtherPages(kept);
  if (kept) await showThatWeAnswer();
  try {
    return await askWhetherToChange(current, next);
  } finally {
    channel?.close();
  }
}

function isDead({ token, expiresAtS }) {
  return refused.has(token) || expiresAtS * 1000 <= Date.now();
}

function discard(token) {
  refused.add(token);
  if (tabStore.getItem(KEY) === token) tabStore.removeItem(KEY);
}

// The way in led to the first page; does not return where another was wanted.
async function goWhereWanted() {
  const wanted = takeWanted();
  if (!wanted || location.pathname !== "/") return;
  location.replace(wanted);
  await new Promise(() => {});
}

async function askForOnly() {
  const others = await askOtherPages();
  if (others.length !== 1) return null;
  keepToken(others[0].token);
  return others[0];
}

async function isAnyoneAnswering() {
  const locks = await lockManager();
  if (!locks) return true;
  const { held, pending } = await locks.query();
  return [...held, ...pending].some(({ name }) => name === ANSWERING);
}

async function showThatWeAnswer() {
  const untilThePageGoes = () => new Promise(() => {});
  const locks = await lockManager();
  void locks?.request(ANSWERING, { mode: "shared" }, untilThePageGoes);
}

function answerOtherPages(identity) {
  void showThatWeAnswer();
  const channel = openChannel(CHANNEL);
  channel.onmessage = ({ data }) => {
    if (data.refused) discard(data.refused);
    else if (data.isQuestion && !isDead(identity)) channel.postMessage({ token: identity.token });
  };
  return channel;
}

// Without storage the next page learns who is signed in as the first one did: by the fragment.
function carryToNextPage({ token }) {
  addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    const isPlain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey);
    if (!link || !isPlain || event.defaultPrevented || link.target || link.hash) return;
    if (link.origin !== location.origin || link.hasAttribute("download")) return;
    event.preventDefault();
    location.assign(`${link.href}#token=${token}`);
  });
}
