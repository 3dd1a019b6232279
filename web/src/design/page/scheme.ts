// The colour scheme that the viewer has chosen, on the root of the page.

import { readPreferences, type Scheme } from "../../browser/preferences.ts";

/** Show the page in this scheme; "system" leaves it to the browser. */
export function applyScheme(scheme: Scheme = readPreferences().scheme) {
  const { dataset } = document.documentElement;
  if (scheme === "system") delete dataset.scheme;
  else dataset.scheme = scheme;
}
