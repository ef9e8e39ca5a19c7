// One box for everything: suggestions by kind as one types, and Enter goes straight to what only one thing can be.

import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import type { SearchAnswer } from "../api";
import { useLang } from "../i18n";
import { get } from "../load";
import { go } from "../nav";
import { type Hit, KINDS, hitsOf } from "../search";
import { searchUrl } from "../url";
import { searchable } from "../visible";
import { HitLine } from "./search-hits";

/** Typing pauses this long before the server is asked. */
const TYPING_MS = 150;
/** The server takes 4 KiB, and a character may have three bytes; what can be searched for stands in the beginning of a line. */
const TYPED_MAX = 1_300;

export const searchPath = (q: string) => `/api/v1/search?q=${encodeURIComponent(q.slice(0, TYPED_MAX))}` as const;

export function SearchBox() {
  const { lang, t } = useLang();
  const input = useRef<HTMLInputElement>(null);
  const list = useId();
  const [typed, setTyped] = useState("");
  const [answer, setAnswer] = useState<SearchAnswer | null>(null);
  const [open, setOpen] = useState(false);
  /** The suggestion that the keys have reached; -1 is the box itself. */
  const [at, setAt] = useState(-1);
  const q = searchable(typed).trim();

  useEffect(() => {
    // The keys that people of other tools reach for.
    const focus = (event: globalThis.KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const slash = event.key === "/" && !event.ctrlKey && !event.metaKey;
      const letter = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
      if (!letter && (!slash || /^(input|textarea|select)$/i.test(target.tagName))) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);

  useEffect(() => {
    setAt(-1);
    if (!q) return setAnswer(null);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      // Suggestions that do not come are none: Enter still leads to the page that says why.
      get<SearchAnswer>(searchPath(q), abort.signal).then(setAnswer, () => undefined);
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [q]);

  // An answer to what was typed before is not shown for what is typed now.
  const hits = answer?.q.trim() === q ? hitsOf(answer, lang) : [];
  const shown = open && hits.length > 0;
  const leave = (href: string) => {
    setTyped("");
    setAnswer(null);
    setOpen(false);
    input.current?.blur();
    go(href);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!q) return;
    const chosen = shown ? hits[at] : undefined;
    if (chosen) return leave(chosen.href);
    if (answer?.q.trim() === q) return leave(answer.go ?? searchUrl(q));
    // Enter before the suggestions have come.
    get<SearchAnswer>(searchPath(q)).then(
      (found) => leave(found.go ?? searchUrl(q)),
      () => leave(searchUrl(q)),
    );
  };
  const keys = (event: KeyboardEvent) => {
    if (event.key === "Escape") setOpen(false);
    if (!shown || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    const step = event.key === "ArrowDown" ? 1 : -1;
    setAt((now) => ((now + 1 + step + hits.length + 1) % (hits.length + 1)) - 1);
  };
  const option = (hit: Hit) => `${list}-${hits.indexOf(hit)}`;
  return (
    <form className="search" role="search" onSubmit={submit}>
      <input
        ref={input}
        type="text"
        enterKeyHint="search"
        name="q"
        role="combobox"
        aria-label={t.search.label}
        aria-expanded={shown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={shown && at >= 0 ? `${list}-${at}` : undefined}
        placeholder={t.search.placeholder}
        autoComplete="off"
        spellCheck={false}
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setOpen(true);
        }}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={keys}
      />
      <kbd aria-hidden="true">/</kbd>
      <span className="sr" role="status">
        {shown ? t.search.found(hits.length) : ""}
      </span>
      <div className="suggestions" id={list} role="listbox" aria-label={t.search.label} hidden={!shown}>
        {shown &&
          KINDS.map((kind) => {
            const own = hits.filter((hit) => hit.kind === kind);
            return (
              own.length > 0 && (
                <div key={kind} role="group" aria-label={t.search[kind]}>
                  <p aria-hidden="true">{t.search[kind]}</p>
                  {own.map((hit) => (
                    <div
                      key={hit.key}
                      id={option(hit)}
                      role="option"
                      aria-selected={hits[at] === hit}
                      // Before the box loses its focus, which closes the list.
                      onMouseDown={(event) => {
                        event.preventDefault();
                        leave(hit.href);
                      }}
                    >
                      <HitLine hit={hit} />
                    </div>
                  ))}
                </div>
              )
            );
          })}
      </div>
    </form>
  );
}
