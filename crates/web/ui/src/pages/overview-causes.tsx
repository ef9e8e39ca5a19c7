// Why PCs fail: each cause with its state, the PCs it holds up now, and the address of the list of them.

import type { Cause, Overview } from "../api";
import { count, middle } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { LogText } from "../parts/log-text";
import { useShown } from "../parts/shown";
import { Category } from "../parts/small";
import { Empty, Panel } from "../parts/states";
import { type Filters, endpointsUrl, overviewUrl, toggled } from "../url";
import { visible } from "../visible";

export function Causes({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  const { shown, more } = useShown();
  const causes = data.top_causes;
  const max = Math.max(1, ...causes.map((cause) => cause.pcs));
  const cut = data.causes_total > causes.length ? ` · ${t.overview.cut(causes.length, data.causes_total)}` : "";
  return (
    <Panel title={t.overview.causes} hint={t.overview.causesHint + cut}>
      {causes.length === 0 && <Empty text={t.overview.noCauses} />}
      <ol className="causes">
        {shown(causes).map((cause) => (
          <Row key={cause.id} cause={cause} max={max} filters={filters} />
        ))}
      </ol>
      {more(causes)}
    </Panel>
  );
}

function Row({ cause, max, filters }: { cause: Cause; max: number; filters: Filters }) {
  const { lang, t } = useLang();
  const own = { ...filters, cause: cause.id };
  const change = cause.pcs_day_ago === null ? 0 : cause.pcs_now - cause.pcs_day_ago;
  return (
    <li>
      <span className="cause-head">
        {cause.state && <CauseState state={cause.state} />}
        <Link
          className="cause-title"
          keepScroll
          href={overviewUrl(toggled(filters, "cause", cause.id))}
          aria-current={filters.cause === cause.id ? "true" : undefined}
        >
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

function CauseState({ state }: { state: string }) {
  const { t } = useLang();
  const hints: Record<string, string> = t.causeStateHints;
  return (
    <span className={`tag ${TONES[state] ?? ""}`} title={hints[state]}>
      {word(t.causeStates, state)}
    </span>
  );
}
