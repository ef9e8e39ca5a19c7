// The pages are worked on with these answers, so they are what the API says of its own. Stricter than a client has to be: a field that the
// document does not name is a fault.

import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { answer } from "./answer.mjs";

const document = JSON.parse(await readFile(new URL("../../openapi.json", import.meta.url), "utf8"));

const resolved = ({ $ref }) => document.components.schemas[$ref.replace("#/components/schemas/", "")];

const isOf = {
  array: Array.isArray,
  boolean: (value) => typeof value === "boolean",
  integer: Number.isInteger,
  null: (value) => value === null,
  number: (value) => typeof value === "number",
  object: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  string: (value) => typeof value === "string",
};

/** An object of several parts as one. */
function merged(schema) {
  if (schema.$ref) return merged(resolved(schema));
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map(merged);
  return {
    type: "object",
    properties: Object.assign({}, ...parts.map((part) => part.properties)),
    required: parts.flatMap((part) => part.required ?? []),
  };
}

function faults(schema, value, at) {
  if (schema.$ref || schema.allOf) return faults(merged(schema), value, at);
  if (schema.oneOf) {
    const all = schema.oneOf.map((part) => faults(part, value, at));
    return all.some((found) => found.length === 0) ? [] : all.sort((one, other) => other.length - one.length)[0];
  }
  const found = [];
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => isOf[type](value))) {
    return [`${at}: ${JSON.stringify(value)} is not ${types.join(" or ")}`];
  }
  if (schema.enum && !schema.enum.includes(value)) found.push(`${at}: ${value} is none of ${schema.enum.join(", ")}`);
  if (schema.pattern && !new RegExp(schema.pattern).test(value)) found.push(`${at}: ${value} has another shape`);
  if (value < schema.minimum) found.push(`${at}: ${value} is too little`);
  if (Array.isArray(value)) found.push(...value.flatMap((one, index) => faults(schema.items, one, `${at}/${index}`)));
  else if (isOf.object(value) && (schema.properties || schema.additionalProperties)) {
    for (const name of schema.required ?? []) if (!(name in value)) found.push(`${at}: no ${name}`);
    for (const [name, inner] of Object.entries(value)) {
      // As it is sent, a field without a value is absent.
      if (inner === undefined) continue;
      const of = schema.properties?.[name] ?? schema.additionalProperties;
      if (of) found.push(...faults(of, inner, `${at}/${name}`));
      else found.push(`${at}: ${name} is not known`);
    }
  }
  return found;
}

const some = (path, query = "") => answer(`/api/v1${path}`, new URLSearchParams(query));

test("every answer is one that the API could give", () => {
  const pcs = some("/endpoints").endpoints.map(({ endpoint }) => endpoint);
  const id = encodeURIComponent(pcs[0]);
  const machine = some(`/endpoints/${id}`);
  const cause = encodeURIComponent(some("/causes").causes[0].id);
  const stream = machine.streams[0].stream;
  const holes = {
    "/causes/{id}": `/causes/${cause}`,
    "/codes/{code}": "/codes/0x80070570",
    "/endpoints/{id}": `/endpoints/${id}`,
    "/endpoints/{id}/attempts/{attempt}": `/endpoints/${id}/attempts/${machine.attempts[0].id}`,
    "/endpoints/{id}/find": `/endpoints/${id}/find?stream=${stream}&text=error`,
    "/endpoints/{id}/records": `/endpoints/${id}/records?stream=${stream}&offset=0`,
    "/overview": "/overview?by=ring",
    "/search": "/search?q=0x8007",
    "/updates/{kb}": `/updates/${some("/updates").updates[0].kb}`,
  };
  const all = [];
  for (const [address, { get }] of Object.entries(document.paths)) {
    const schema = get.responses[200].content["application/json"]?.schema;
    if (!schema?.$ref) continue;
    const [path, query] = (holes[address] ?? address).split("?");
    const given = some(path, query);
    expect(given, path).not.toBeNull();
    all.push(...faults(schema, given, address));
  }
  expect(all).toEqual([]);
});
