// Sets the chosen colour scheme before anything is drawn. A classic script: imports nothing, so that
// the page can wait for it. What it reads is written by `browser/preferences.ts`.

try {
  const { scheme } = JSON.parse(localStorage.getItem("coursestream.preferences") ?? "{}");
  if (scheme === "light" || scheme === "dark") document.documentElement.dataset.scheme = scheme;
} catch {
  // Blocked or damaged storage: the system's scheme.
}
