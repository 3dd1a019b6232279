import { describe, expect, test } from "vitest";
import { parseRoster, planned } from "../../src/studio/people/roster.ts";

function read(text: string, mayEnrolInstructors = true) {
  return parseRoster(text, "student", mayEnrolInstructors).map(
    ({ line, userId, role, fault }) => `${line} ${fault ?? `${userId} ${role}`}`,
  );
}

describe("a pasted list", () => {
  test.each([
    ["one a line", "ada\nbob", ["1 ada student", "2 bob student"]],
    ["with roles", "ada,student\ntess, Instructor", ["1 ada student", "2 tess instructor"]],
    ["of a spreadsheet", "ada\tstudent\r\ntess\tteacher", ["1 ada student", "2 tess instructor"]],
    ["with semicolons", "ada;Lehrkraft", ["1 ada instructor"]],
    ["with a heading", "role,user_id\ninstructor,tess", ["2 tess instructor"]],
    ["with names", 'ada,"Lovelace, ""Ada""",student', ["1 ada student"]],
    ["with empty lines", "\nada\n\n  \nbob\n", ["2 ada student", "5 bob student"]],
    ["with an address", "ada@example.org", ["1 not-an-identifier"]],
    ["with an unknown role", "ada,queen", ["1 unknown-role"]],
    ["with somebody twice", "ada\nada,instructor", ["1 ada student", "2 twice"]],
    ["with nothing", " \n", []],
  ])("%s", (_, text, wanted) => {
    expect(read(text)).toEqual(wanted);
  });

  test("of instructors is for admins", () => {
    expect(read("tess,instructor\nada", false)).toEqual([
      "1 instructors-by-admins",
      "2 ada student",
    ]);
  });

  test("says what it would do", () => {
    const at = "2026-01-01T00:00:00Z";
    const plan = planned(parseRoster("ada\nbob\neve", "student", true), [
      { user_id: "ada", role: "student", created_at: at },
      { user_id: "bob", role: "instructor", created_at: at },
    ]);
    expect(plan.map(({ effect }) => effect)).toEqual(["same", "change", "enrol"]);
  });
});
