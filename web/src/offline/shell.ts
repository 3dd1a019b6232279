// The shell of the watch page kept by a service worker, so that the page opens without a connection.
// Registered with the first lesson that is kept and removed after the last: nobody else has one.

const ADDRESS = "/service-worker.js";
const SCOPE = "/watch/";
const PATIENCE_MS = 30_000;

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(): string },
  ): { createScriptURL(address: string): string };
}

/** Whether lessons can be kept here: on the service's own pages, in a browser that can do it. */
export function canKeepLessons(server: string): boolean {
  const isOwnPage = server === location.origin && window.top === window;
  return isOwnPage && isSecureContext && "serviceWorker" in navigator && "indexedDB" in globalThis;
}

/** Resolves when the page can be opened without a connection. */
export async function keepShell(): Promise<void> {
  const registration = await navigator.serviceWorker.register(trusted(), { scope: SCOPE });
  const { active, installing, waiting } = registration;
  const fresh = installing ?? waiting;
  if (!active && fresh) await activated(fresh);
}

export async function forgetShell(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  await registration?.unregister();
  for (const name of await caches.keys())
    if (name.startsWith("coursestream.shell/")) await caches.delete(name);
}

// The pages' policy wants to know who makes an address of a script: this one is a constant.
function trusted(): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  const policy = trustedTypes?.createPolicy("service-worker", { createScriptURL: () => ADDRESS });
  return policy?.createScriptURL(ADDRESS) ?? ADDRESS;
}

function activated(worker: ServiceWorker): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => {
      if (worker.state === "activated") resolve();
      if (worker.state === "redundant") reject(new Error("the page could not be kept"));
    };
    worker.addEventListener("statechange", look);
    setTimeout(() => reject(new Error("the page could not be kept in time")), PATIENCE_MS);
    look();
  });
}
