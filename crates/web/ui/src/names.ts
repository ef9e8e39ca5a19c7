// What a machine is called. Pure.

/** Its names, each once: the one people gave it, the one it has itself, its id. */
export function namesOf(name: string | null, host: string | null, id: string): string[] {
  return [...new Set([name, host, id].filter((text): text is string => Boolean(text)))];
}
