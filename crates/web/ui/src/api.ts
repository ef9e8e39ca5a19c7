// The JSON API as the pages see it. What it answers is said once, by the code that answers: `api-schema.ts` is made of that, and `load.ts`
// reads it.

import type { Answers, EndpointPages, PcState } from "./api-schema";

export type * from "./api-schema";

/** What there is to say of a PC, the gravest first; `not_tried` where it has no attempt. */
export const PC_STATES = [
  "failing",
  "restart",
  "cancelled",
  "recovered",
  "installed",
  "unknown",
  "not_tried",
] as const satisfies readonly PcState[];

/** The lists of an endpoint that come in pages. */
export const LIST_NAMES = ["streams", "attempts", "findings", "codes"] as const satisfies readonly ListName[];
export type ListName = keyof EndpointPages;

/** The first rows of a list, and how many it has. */
export interface Counted<T> {
  total: number;
  rows: T[];
}

/** An address with something in its holes: of `/causes/{id}` it is `/causes/` and any text. */
type Filled<Address extends string> = Address extends `${infer Before}{${string}}${infer After}`
  ? `${Before}${string}${Filled<After>}`
  : Address;

/** Where an answer is asked for, with whatever narrows it behind the address. */
export type PathOf<Answer> = {
  [Address in keyof Answers]: [Answers[Address], Answer] extends [Answer, Answers[Address]]
    ? `/api/v1${Filled<Address>}${string}`
    : never;
}[keyof Answers];
