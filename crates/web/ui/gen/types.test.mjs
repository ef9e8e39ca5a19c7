import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { DOCUMENT, TYPES, typesOf } from "./types.mjs";

test("the types are those of the document: `make api` writes them anew", async () => {
  const document = JSON.parse(await readFile(DOCUMENT, "utf8"));
  expect(await readFile(TYPES, "utf8")).toBe(await typesOf(document));
});
