// The service worker of the watch page: keeps what the page is made of, and nothing else. The page
// itself always comes from the network where there is one, so it is never older than the service;
// the files that it names have hashes in their names and never change. Media, the API and events
// pass by it.

interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void;
}

interface Fetched extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

interface Worker {
  addEventListener(type: "install" | "activate", listener: (event: Extendable) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetched) => void): void;
}

/** Written here by the build: the hash of the page, and the addresses of all that it may load. */
declare const SHELL: { version: string; files: string[] };

const PREFIX = "coursestream.shell/";
const CACHE = PREFIX + SHELL.version;
const PAGE = "/static/watch.html";
const PATIENCE_MS = 5_000;
// A proxy before a service that is down.
const ABSENT = [502, 503, 504];

const worker = globalThis as unknown as Worker;
const files = new Set(SHELL.files);

worker.addEventListener("install", (event) => event.waitUntil(fill()));
worker.addEventListener("activate", (event) => event.waitUntil(removeOthers()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(showPage(request));
  else if (files.has(pathname)) event.respondWith(showFile(request));
});

async function fill() {
  const cache = await caches.open(CACHE);
  const page = await fetch(PAGE, { cache: "no-cache" });
  const html = await page.clone().text();
  const named = html.match(/\/static\/[\w.-]+/g) ?? [];
  // Another version is being put in place: the browser tries again with the next page.
  if (!page.ok || named.some((address) => !files.has(address))) throw new Error("another version");
  await cache.put(PAGE, page);
  await cache.addAll(SHELL.files);
}

async function removeOthers() {
  for (const name of await caches.keys())
    if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
}

async function showPage(request: Request): Promise<Response> {
  const asked = fetch(request);
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), PATIENCE_MS));
  const answer = await Promise.race([asked, late]).catch(() => null);
  if (answer && !ABSENT.includes(answer.status)) return answer;
  return (await kept(PAGE)) ?? answer ?? asked;
}

async function showFile(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetch(request);
}

async function kept(asked: Request | string): Promise<Response | undefined> {
  return (await caches.open(CACHE)).match(asked, { ignoreVary: true });
}
