// Small parts that every page uses.

import { useEffect, useState } from "react";
import type { EndpointRow } from "../api";
import { colourVariable } from "../categories";
import { count, utcBeside } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { endpointUrl } from "../url";
import { visible } from "../visible";
import { LabelLine } from "./labels";
import { LogText } from "./log-text";

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
  return <span className="swatch" style={{ background: `var(${colourVariable(category)})` }} aria-hidden="true" />;
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

/** Failed and succeeded as one bar, sized against the largest row. */
export function FailBar({ failed, succeeded, max }: { failed: number; succeeded: number; max: number }) {
  const share = (value: number) => `${max > 0 ? (value / max) * 100 : 0}%`;
  return (
    <span className="failbar" aria-hidden="true">
      <span className="failed" style={{ width: share(failed) }} />
      <span className="succeeded" style={{ width: share(succeeded) }} />
    </span>
  );
}

/** The table of endpoints, on the overview, the list and the code page. */
export function EndpointTable({ rows, caption }: { rows: EndpointRow[]; caption: string }) {
  const { lang, t } = useLang();
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={caption}>
      <table className="grid endpoints">
        <caption className="sr">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">{t.endpoints.endpoint}</th>
            <th scope="col">{t.endpoints.cause}</th>
            <th scope="col" className="num">
              {t.endpoints.failed}
            </th>
            <th scope="col" className="roomy">
              {t.endpoints.lastFailure}
            </th>
            <th scope="col" className="roomy">
              {t.endpoints.build}
            </th>
            <th scope="col" className="roomy">
              {t.endpoints.lastSeen}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.endpoint}>
              <th scope="row" className="name">
                <Link href={endpointUrl(row.endpoint)}>
                  <LogText text={row.name || row.host || row.endpoint} />
                </Link>
                {row.name && row.host && row.host !== row.name && (
                  <small className="muted clip">
                    <LogText text={row.host} />
                  </small>
                )}
                {(row.name || row.host) && (row.name || row.host) !== row.endpoint && (
                  <small className="muted mono clip">
                    <LogText text={row.endpoint} />
                  </small>
                )}
                {row.labels.length > 0 && (
                  <small className="labels">
                    <LabelLine labels={row.labels} />
                  </small>
                )}
              </th>
              <td className="wide">
                {row.category ? (
                  <>
                    <Category category={row.category} />
                    {row.title && (
                      <small className="muted clip">
                        <LogText text={row.title[lang]} />
                      </small>
                    )}
                  </>
                ) : (
                  <span className="muted">{row.failed > 0 ? t.common.unknown : t.endpoints.healthy}</span>
                )}
              </td>
              <td className={row.failed > 0 ? "num bad" : "num muted"}>{count(lang, row.failed)}</td>
              <td className="mono nowrap roomy">{row.last_failure ?? <span className="muted">–</span>}</td>
              <td className="mono nowrap roomy">
                {row.build ? <LogText text={row.build} /> : <span className="muted">–</span>}
              </td>
              <td className="mono nowrap roomy muted">{row.last_seen ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
