// Why PCs fail: each cause with its state, the PCs it holds up now, and the address of the list of them.

import type { Cause } from "../api";
import { count, middle } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { type Filters, causeUrl, endpointsUrl } from "../url";
import { visible } from "../visible";
import { Code } from "./code";
import { LogText } from "./log-text";
import { Category } from "./small";

/** Causes in the order given. Each leads to its page, and its number to the list of the PCs that it counts. */
export function CauseRows({ causes, filters }: { causes: Cause[]; filters: Filters }) {
  const max = Math.max(1, ...causes.map((cause) => cause.pcs));
  return (
    <ol className="causes">
      {causes.map((cause) => (
        <Row key={cause.id} cause={cause} max={max} filters={filters} />
      ))}
    </ol>
  );
}

function Row({ cause, max, filters }: { cause: Cause; max: number; filters: Filters }) {
  const { lang, t } = useLang();
  const own = { ...filters, cause: cause.id };
  const change = cause.pcs_day_ago === null ? 0 : cause.pcs_now - cause.pcs_day_ago;
  return (
    <li>
      <span className="cause-head">
        {cause.state && <CauseStateTag state={cause.state} />}
        <Link className="cause-title" href={causeUrl(cause.id, filters)}>
          <LogText text={cause.title[lang] || word(t.categories, cause.category)} />
        </Link>
      </span>
      <Link className="cause-count" href={endpointsUrl({ filters: own, state: cause.pcs_now > 0 ? "failing" : null })}>
        <b>{count(lang, cause.pcs_now)}</b> <small>{t.overview.pcsNow(cause.pcs_now)}</small>
      </Link>
      <span className="weight" aria-hidden="true">
        <span style={{ width: `${(cause.pcs_now / max) * 100}%` }} />
        <span className="pale" style={{ width: `${(Math.max(0, cause.pcs - cause.pcs_now) / max) * 100}%` }} />
      </span>
      <span className="cause-facts">
        <Category category={cause.category} />
        {cause.root_code && <Code code={cause.root_code} name={cause.root_name} />}
        {cause.objects > 1 && <span>{t.overview.objects(cause.objects)}</span>}
        {cause.object && (
          <span className="mono object" title={visible(cause.object)}>
            <LogText text={middle(cause.object, 64)} />
          </span>
        )}
      </span>
      <span className="cause-when muted">
        <span>
          {change !== 0 && `${t.tiles.sinceDay(change)} · `}
          {t.overview.pcsRange(cause.pcs)} · {t.overview.failedAttempts(cause.count)}
        </span>
        <span className="mono">
          {cause.first && cause.last
            ? t.overview.firstLast(cause.first.slice(0, 10), cause.last.slice(0, 10))
            : t.overview.noTime}
        </span>
      </span>
    </li>
  );
}

/** Colours of urgency; the word says it all. */
const TONES: Record<string, string> = { new: "bad", back: "bad", growing: "bad", gone: "good" };

export function CauseStateTag({ state }: { state: string }) {
  const { t } = useLang();
  const hints: Record<string, string> = t.causeStateHints;
  return (
    <span className={`tag ${TONES[state] ?? ""}`} title={hints[state]}>
      {word(t.causeStates, state)}
    </span>
  );
}
