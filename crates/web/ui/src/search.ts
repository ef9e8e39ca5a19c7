// What a search found, as one list that the arrow keys walk through. Pure.

import type { SearchAnswer } from "./api";
import type { Lang } from "./i18n";
import { namesOf } from "./names";
import { causeUrl, codeUrl, endpointUrl, endpointsUrl, updateUrl } from "./url";

export type Kind = "pcs" | "updates" | "codes" | "causes" | "objects";
export const KINDS: readonly Kind[] = ["pcs", "updates", "codes", "causes", "objects"];

export interface Hit {
  kind: Kind;
  /** Of its own among all hits. */
  key: string;
  text: string;
  /** Other names of a PC, names of a code. */
  more: string;
  href: string;
  /** PCs that it concerns; nothing where that is not told. */
  pcs: number | null;
  failing: number | null;
}

export function hitsOf(answer: SearchAnswer, lang: Lang): Hit[] {
  const plain = { more: "", pcs: null, failing: null };
  const all: Hit[] = [
    ...answer.pcs.map(({ id, name, host }) => {
      const [first, ...others] = namesOf(name, host, id);
      return { ...plain, kind: "pcs" as const, key: id, text: first!, more: others.join(" · "), href: endpointUrl(id) };
    }),
    ...answer.updates.map(({ kb, failing, tried }) => ({
      ...plain,
      kind: "updates" as const,
      key: kb,
      text: kb,
      pcs: tried,
      failing,
      href: updateUrl(kb),
    })),
    ...answer.codes.map(({ code, names }) => ({
      ...plain,
      kind: "codes" as const,
      key: code,
      text: code,
      more: names.join(" · "),
      href: codeUrl(code),
    })),
    ...answer.causes.map(({ id, title, pcs }) => ({
      ...plain,
      kind: "causes" as const,
      key: id,
      text: title[lang],
      pcs,
      href: causeUrl(id),
    })),
    // A file leads to the PCs that name it through its cause, which says what is wrong with it.
    ...answer.objects.map(({ object, cause, pcs }) => ({
      ...plain,
      kind: "objects" as const,
      key: `${cause} ${object}`,
      text: object,
      pcs,
      href: cause ? causeUrl(cause) : endpointsUrl({ q: object }),
    })),
  ];
  return all;
}
