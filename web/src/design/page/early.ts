// Sets the chosen colour scheme before anything is drawn. A classic script of one file, which the
// page can wait for.

import { applyScheme } from "./scheme.ts";

applyScheme();
