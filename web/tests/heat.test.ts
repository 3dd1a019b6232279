import { expect, it } from "vitest";
import { heatPath } from "../src/controls/heat.ts";

it.each([
  ["nothing of a film that nobody has seen", [0, 0], ""],
  ["half of the height for what is played once", [1, 1], "M0 1L1 0.5L3 0.5L4 1Z"],
  ["all of it for what is played most", [1, 4], "M0 1L1 0.75L3 0L4 1Z"],
])("the heat has %s", (_, plays, path) => expect(heatPath({ stepS: 2, plays })).toBe(path));
