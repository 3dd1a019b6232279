// Asks for the terms of the lesson while the modules of its page are on their way, where nothing
// speaks against it: somebody is signed in, no earlier page of this tab is gone on with, and no
// report waits that would move the place. A classic script that imports nothing, so that it waits
// for none of them. What it reads is written by `session/viewer.ts`, `playback/playback.ts`,
// `playback/prefetch.ts` and `progress/unsent.ts`; the answer is taken by `playback/early_terms.ts`.

(() => {
  const PATIENCE_MS = 10_000;

  function ask(): EarlyTerms | null {
    const videoId = location.pathname.split("/")[2] ?? "";
    const viewer = JSON.parse(localStorage.getItem("coursestream.viewer") ?? "null");
    if (!viewer?.userId || !(viewer.expiresAtMs > Date.now()) || location.hash) return null;
    const place = `${viewer.userId}/${videoId}`;
    const isKept = ["playback", "prefetched"].some((what) =>
      sessionStorage.getItem(`coursestream.${what}/${place}`),
    );
    const isUnsent = Object.keys(localStorage).some((key) => key.startsWith("coursestream.unsent"));
    return isKept || isUnsent ? null : { place, answer: post(videoId) };
  }

  async function post(videoId: string): Promise<unknown> {
    const answer = await fetch(`/api/v1/videos/${encodeURIComponent(videoId)}/playback`, {
      method: "POST",
      headers: { Accept: "application/json", "Content-Type": "application/json" },
      body: "{}",
      cache: "no-store",
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return answer.ok ? answer.json() : null;
  }

  // Taken already: the modules were quicker, and ask themselves.
  if (globalThis.coursestreamEarly !== undefined) return;
  try {
    const early = ask();
    // What fails here is met again, and explained, when the player asks.
    early?.answer.catch(() => {});
    globalThis.coursestreamEarly = early;
  } catch {
    // Blocked or damaged storage.
  }
})();
