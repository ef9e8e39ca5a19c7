// Writes src/api-schema.ts, the types of the API's answers, from what the API says of itself (crates/web/openapi.json). `make api` runs it.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";

export const DOCUMENT = new URL("../../openapi.json", import.meta.url);
export const TYPES = new URL("../src/api-schema.ts", import.meta.url);

const BANNER = `// What the API answers. Made by \`make api\` from crates/web/openapi.json, which is made from the code: change neither by hand.`;

/** The types of a document, and \`Answers\`: what each address gives. */
export async function typesOf(document) {
  const answers = Object.entries(document.paths).flatMap(([address, { get }]) => {
    const schema = get.responses[200].content["application/json"]?.schema;
    return schema?.$ref ? [[address, { ...schema }]] : [];
  });
  const schema = {
    title: "Answers",
    description: "What is answered, by address below /api/v1.",
    type: "object",
    properties: Object.fromEntries(answers),
    required: answers.map(([address]) => address),
    $defs: document.components.schemas,
  };
  const types = await compile(moved(schema), "Answers", {
    additionalProperties: false,
    bannerComment: BANNER,
    style: { printWidth: 120 },
    unreachableDefinitions: true,
  });
  // Where a type came from says nothing here.
  return types
    .replaceAll(
      /( \*\n)? \* This interface was referenced by `Answers`'s JSON-Schema\n \* via the `definition` ".*"\.\n/g,
      "",
    )
    .replaceAll("/**\n */\n", "");
}

/** References as JSON Schema has them; words beside one would make another type of it. */
function moved(part) {
  if (Array.isArray(part)) return part.map(moved);
  if (part === null || typeof part !== "object") return part;
  const { $ref, ...rest } = Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, moved(inner)]));
  if (typeof $ref !== "string") return $ref === undefined ? rest : { $ref, ...rest };
  const to = { $ref: $ref.replace("#/components/schemas/", "#/$defs/") };
  return Object.keys(rest).length === 0 ? to : { ...rest, allOf: [to] };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(TYPES, await typesOf(JSON.parse(await readFile(DOCUMENT, "utf8"))));
}
