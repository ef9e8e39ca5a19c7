// Small parts that every page uses.

import { createContext, useContext, useEffect, useState } from "react";
import { coloursOf } from "../categories";
import { utcBeside } from "../format";
import { useLang, word } from "../i18n";
import { visible } from "../visible";

/** The colours of a page's categories; a page with a legend gives those of its legend to all that it shows. */
export const ColoursContext = createContext(coloursOf(null));

/** A category with its colour; a colour is never the only sign. */
export function Category({ category }: { category: string }) {
  const { t } = useLang();
  return (
    <span className="category">
      <Swatch category={category} />
      {word(t.categories, category)}
    </span>
  );
}

export function Swatch({ category }: { category: string }) {
  const colours = useContext(ColoursContext);
  return <span className="swatch" style={{ background: `var(${colours(category)})` }} aria-hidden="true" />;
}

/** A time on both clocks: as logged, and in UTC where the log shows its offset. */
export function Time({ logged, utc, stacked }: { logged: string | null; utc: string | null; stacked?: boolean }) {
  const { t } = useLang();
  if (!logged && !utc) return <span className="muted">{t.common.unknown}</span>;
  return (
    <span className={stacked ? "time stacked" : "time"}>
      {logged && (
        <span>
          <time>{logged}</time> <small>{t.common.local}</small>
        </span>
      )}
      <span className="muted">
        {utc ? (
          <>
            <time dateTime={utc}>{utcBeside(utc, logged)}</time> <small>{t.common.utc}</small>
          </>
        ) : (
          <small>{t.common.utcUnknown}</small>
        )}
      </span>
    </span>
  );
}

/** Copies a text with marks for what has no shape, as the page shows it; says so for a moment. */
export function Copy({ text, label }: { text: string; label: string }) {
  const { t } = useLang();
  const { done, copy } = useCopy(text);
  return (
    <button type="button" className="copy" onClick={copy} aria-label={label} title={label}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        {done ? (
          <path d="M3 8.5l3.2 3.2L13 5" className="stroke" />
        ) : (
          <path d="M5.5 5.5h7v8h-7zM3.5 10.5v-8h7" className="stroke" />
        )}
      </svg>
      <span className="sr" role="status">
        {done ? t.common.copied : ""}
      </span>
    </button>
  );
}

/** The same as a button with a word on it. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useLang();
  const { done, copy } = useCopy(text);
  return (
    <button type="button" className="button" onClick={copy}>
      {label}
      <span role="status">{done ? ` · ${t.common.copied}` : ""}</span>
    </button>
  );
}

function useCopy(text: string): { done: boolean; copy: () => void } {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1_500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = () => {
    write(visible(text)).then(
      () => setDone(true),
      () => setDone(false),
    );
  };
  return { done, copy };
}

/** The clipboard, also where the page is not on a secure address (a plain-http name inside a company). */
async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("copy was refused");
}
