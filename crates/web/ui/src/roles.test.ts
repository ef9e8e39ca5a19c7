import { expect, test } from "vitest";

import { MESSAGES } from "./i18n";
import { forbiddenText } from "./parts/states";
import { readsAudit, seesText } from "./roles";

test("each role sees what it is for, and so does whoever needs no token", () => {
  const seen = ["operator", "auditor", "administrator", null].map((role) => [seesText(role), readsAudit(role)]);
  expect(seen).toEqual([
    [true, false],
    [false, true],
    [true, true],
    [true, true],
  ]);
});

test("a refusal names the roles that may, in both languages, and a role of a newer server by its own name", () => {
  expect(forbiddenText(MESSAGES.en, ["operator", "administrator"])).toBe(
    "Operators and administrators may see it. Ask for a token of such a role, or have one of them look.",
  );
  expect(forbiddenText(MESSAGES.zh, ["auditor", "administrator"])).toContain("审计员、管理员");
  expect(forbiddenText(MESSAGES.en, ["made_up"])).toContain("Made up");
});
