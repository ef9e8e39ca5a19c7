// A finding: the cause, how sure we are and why, what to do, and the records that show it.

import type { Finding } from "../api";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { LogText } from "../parts/log-text";
import { Category, Copy, Time } from "../parts/small";
import { overviewUrl, recordUrl } from "../url";
import { visible } from "../visible";

/** The element of a finding, for links to it. */
export const findingId = (place: string) => `finding-${place}`;

export function FindingCard(props: { finding: Finding; endpoint: string; first: boolean }) {
  const { lang, t } = useLang();
  const { finding } = props;
  const title = finding.title[lang] || word(t.categories, finding.category);
  return (
    <article
      className={`finding severity-${finding.severity}`}
      id={findingId(finding.place)}
      aria-label={visible(title)}
      tabIndex={-1}
    >
      <header>
        <h3>
          <LogText text={title} />
        </h3>
        <p>
          <span className={`severity ${finding.severity}`}>{word(t.severities, finding.severity)}</span>
          <Category category={finding.category} />
          {finding.kb && (
            <Link href={overviewUrl({ kb: finding.kb })} className="mono">
              <LogText text={finding.kb} />
            </Link>
          )}
          <span className="muted">{t.endpoint.standsFor(finding.count)}</span>
        </p>
      </header>
      {finding.object && (
        <p className="object-box mono">
          <span>
            <LogText text={finding.object} />
          </span>
          <Copy text={finding.object} label={`${t.common.copy} ${t.endpoint.object}`} />
        </p>
      )}
      <dl className="facts inline">
        {finding.root_code && (
          <div>
            <dt>{t.endpoint.rootCode}</dt>
            <dd>
              <Code code={finding.root_code} name={finding.root_name} />
            </dd>
          </div>
        )}
        {finding.terminal_code && finding.terminal_code !== finding.root_code && (
          <div>
            <dt>{t.endpoint.terminal}</dt>
            <dd>
              <Code code={finding.terminal_code} />
            </dd>
          </div>
        )}
        <div>
          <dt>{t.endpoint.when}</dt>
          <dd>
            <Time logged={finding.logged} utc={finding.utc} />
          </dd>
        </div>
        {finding.component && (
          <div>
            <dt>{t.endpoint.component}</dt>
            <dd className="mono wrap">
              <LogText text={finding.component} />
            </dd>
          </div>
        )}
        {finding.package && (
          <div>
            <dt>{t.endpoint.package}</dt>
            <dd className="mono wrap">
              <LogText text={finding.package} />
            </dd>
          </div>
        )}
        <div>
          <dt>{t.endpoint.confidence}</dt>
          <dd>
            <meter min={0} max={100} value={finding.confidence} aria-label={t.endpoint.confidence} />{" "}
            {t.endpoint.confidenceOf(finding.confidence)} <small className="muted">{finding.confidence} / 100</small>
          </dd>
        </div>
      </dl>
      {finding.reasons.length > 0 && (
        <section aria-label={t.endpoint.whyThis}>
          <h4>{t.endpoint.whyThis}</h4>
          <ul className="reasons">
            {finding.reasons.map((reason) => (
              <li key={reason.key}>
                <LogText text={reason.text[lang]} />
              </li>
            ))}
          </ul>
        </section>
      )}
      <Advice text={finding.advice[lang]} title={t.endpoint.advice} />
      {finding.evidence.length > 0 && (
        <details className="evidence" open={props.first}>
          <summary>
            {t.endpoint.evidence} <small className="muted">{finding.evidence.length}</small>
          </summary>
          <ol>
            {finding.evidence.map((line) => (
              <li key={`${line.stream} ${line.offset}`}>
                <Link href={recordUrl(props.endpoint, line.stream, line.offset)} title={t.common.opensRecord}>
                  <span className="evidence-text mono">
                    <LogText text={line.text} />
                  </span>
                  <span className="evidence-place">
                    {word(t.sources, line.source)} · {t.records.at(line.offset)} →
                  </span>
                </Link>
              </li>
            ))}
          </ol>
        </details>
      )}
      {finding.rule && (
        <p className="rule muted">
          {t.endpoint.rule}{" "}
          <span className="mono">
            <LogText text={finding.rule} />
          </span>
        </p>
      )}
    </article>
  );
}

/** Advice in steps where it has several lines. */
function Advice({ text, title }: { text: string; title: string }) {
  const steps = text
    .split("\n")
    .map((line) => line.replace(/^\s*(?:\d+[.)、]?|[-*•])\s+/, "").trim())
    .filter(Boolean);
  if (steps.length === 0) return null;
  return (
    <section className="advice" aria-label={title}>
      <h4>{title}</h4>
      {steps.length === 1 ? (
        <p>
          <LogText text={steps[0]!} />
        </p>
      ) : (
        <ol>
          {steps.map((step, index) => (
            <li key={index}>
              <LogText text={step} />
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}
