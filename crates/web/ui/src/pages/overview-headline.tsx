// The answer in a sentence, before any figure.

import type { Overview } from "../api";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { filterLabel } from "../parts/filter-bar";
import { LogText } from "../parts/log-text";
import { Swatch } from "../parts/small";
import { type Filters, causeUrl, overviewUrl } from "../url";
import { type Verdict, sentenceOf, toneOf } from "../verdict";

export function Headline(props: {
  data: Overview;
  /** The filters that the figures are of. */
  asked: Filters;
  /** Those of the address, which links go on from. */
  filters: Filters;
  verdict: Verdict;
}) {
  const { lang, t } = useLang();
  const { data, asked, filters, verdict } = props;
  const { from, to } = data.range;
  const worst = data.top_causes.find(({ pcs_now: now }) => now > 0);
  const key = verdict.kind === "unknown" ? verdict.key : null;
  const what = key === null ? "" : filterLabel(t, key, asked[key] ?? "");
  return (
    <div className={`headline ${toneOf(verdict)}`}>
      <h1>
        <LogText text={sentenceOf(verdict, data.pcs.silent, t, what)} />
      </h1>
      <p>
        {from && (
          <span title={t.headline.clocks}>
            <span className="mono">{from === to ? from : `${from} – ${to}`}</span>{" "}
            <small className="muted">{t.headline.clocks}</small>
          </span>
        )}
        {verdict.kind === "failing" && worst && !asked.cause && (
          <span>
            {t.headline.mostly} <Swatch category={worst.category} />{" "}
            <Link href={causeUrl(worst.id, filters)} className="strong">
              <LogText text={worst.title[lang] || word(t.categories, worst.category)} />
            </Link>{" "}
            <span className="muted">{t.overview.endpointsCount(worst.pcs_now)}</span>
          </span>
        )}
        {verdict.kind === "unknown" && <span>{t.headline.widen}</span>}
      </p>
      {verdict.kind === "unknown" && data.like.length > 0 && (
        <p className="like">
          <span>{t.headline.like}</span>
          {data.like.map((kb) => (
            <Link key={kb} href={overviewUrl({ ...filters, kb })} className="chip" keepScroll>
              <LogText text={kb} />
            </Link>
          ))}
        </p>
      )}
    </div>
  );
}
