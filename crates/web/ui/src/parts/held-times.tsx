// From when to when logs are held: who says that nothing failed says of which time.

import type { HeldTimes } from "../api";
import { useLang, word } from "../i18n";
import { LogText } from "./log-text";

/** Beside a verdict, in a sentence; where times are missing it stands out if the verdict is a good one. */
export function HeldSentence({ held, good }: { held: HeldTimes; good: boolean }) {
  const { t } = useLang();
  if (held.from === null || held.to === null) return null;
  // That nothing comes any more of each kind is said once, and is no gap in between.
  const silent = (source: HeldTimes["sources"][number]) =>
    held.silent ? source.gaps.filter(({ reason }) => reason === "silent").length : 0;
  const gaps = held.sources.reduce((sum, source) => sum + source.gaps_total - silent(source), 0);
  const text = t.held.sentence(minute(held.from), minute(held.to), held.whole ? 0 : gaps, held.silent);
  return <span className={good && !held.whole ? "strong partly" : "muted"}>{text}</span>;
}

const minute = (at: string) => at.slice(0, 16);

/** Each kind of log with what is missing of it. */
export function HeldList({ held }: { held: HeldTimes }) {
  const { t } = useLang();
  return (
    <ul className="held-times">
      {held.sources.map((source) => (
        <li key={source.source}>
          <b>{word(t.sources, source.source)}</b>{" "}
          <span className="mono">
            {source.first ?? "–"} – {source.last ?? "–"}
          </span>
          {source.gaps_total > 0 && (
            <details className="gaps">
              <summary>{t.endpoint.gaps(source.gaps_total)}</summary>
              {source.gaps_total > source.gaps.length && (
                <p className="muted">{t.held.latest(source.gaps.length, source.gaps_total)}</p>
              )}
              {source.gaps.map((gap, index) => (
                <p key={index}>
                  <span className="mono">
                    {gap.from ?? "…"} – {gap.to ?? "…"}
                  </span>{" "}
                  {word(t.held.reasons, gap.reason)}
                  {gap.records && `: ${t.lost.records(...gap.records)}`}{" "}
                  <small className="mono muted wrap">
                    <LogText text={gap.path} />
                  </small>
                </p>
              ))}
            </details>
          )}
        </li>
      ))}
    </ul>
  );
}
