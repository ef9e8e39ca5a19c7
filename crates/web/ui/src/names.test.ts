import { expect, test } from "vitest";
import { namesOf } from "./names";

test("a machine is called by its name, then its host name, then its id, each once", () => {
  expect(namesOf("Counter 3", "SH-PC1", "id-1")).toEqual(["Counter 3", "SH-PC1", "id-1"]);
  expect(namesOf("", "SH-PC1", "id-1")).toEqual(["SH-PC1", "id-1"]);
  expect(namesOf("SH-PC1", "SH-PC1", "SH-PC1")).toEqual(["SH-PC1"]);
  expect(namesOf(null, null, "id-1")).toEqual(["id-1"]);
});
