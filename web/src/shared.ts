// Small modules that most entries need. The build puts them in front of every entry that needs one
// of them, so that they are one file: else each set of entries that share something makes a file of
// its own, and a page asks for two dozen of them before its first picture.

import "./browser/between_pages.ts";
import "./browser/elements.ts";
import "./browser/preferences.ts";
import "./browser/stored_names.ts";
import "./browser/stores.ts";
import "./element/storyboard.ts";
import "./offline/shell.ts";
import "./playback/playback.ts";
import "./playback/qualities.ts";
import "./playback/resume.ts";
import "./progress/leftovers.ts";
import "./service/claims.ts";
import "./service/live.ts";
import "./service/urls.ts";
import "./texts/language.ts";
import "./texts/words.ts";
