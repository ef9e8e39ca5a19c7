// A cause on one PC: what it is, how sure we are and why, what to do, and the records that show it.

import type { Attempt, Finding } from "../api";
import { titleOfFinding } from "../case";
import type { CauseGroup } from "../findings";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { Advice } from "../parts/advice";
import { Code } from "../parts/code";
import { LogText, RecordText } from "../parts/log-text";
import { Category, Copy, Time } from "../parts/small";
import { attemptUrl, causeUrl, recordUrl, updateUrl } from "../url";
import { visible } from "../visible";

/** Objects of one cause that are named at first. */
const OBJECTS_SHOWN = 5;

export function CauseCard(props: {
  group: CauseGroup;
  endpoint: string;
  /** Evidence stands open. */
  first: boolean;
  /** The newest attempt that failed by it, where the page holds it. */
  attempt?: Attempt | null;
}) {
  const { lang, t } = useLang();
  const { group, endpoint, attempt } = props;
  const finding = group.latest;
  const title = titleOfFinding(finding, lang);
  return (
    <article className={`finding severity-${finding.severity}`} aria-label={visible(title)}>
      <header>
        <h3>
          <LogText text={title} />
        </h3>
        <p>
          <span className={`severity ${finding.severity}`}>{word(t.severities, finding.severity)}</span>
          <Category category={finding.category} />
          {group.kbs.map((kb) => (
            <Link key={kb} href={updateUrl(kb)} className="mono">
              <LogText text={kb} />
            </Link>
          ))}
          <span className="muted">{t.pc.seen(group.count)}</span>
          {finding.severity !== "info" && <Link href={causeUrl(group.id)}>{t.pc.toCause}</Link>}
          {attempt && <Link href={attemptUrl(endpoint, attempt.id)}>{t.attempt.details}</Link>}
        </p>
      </header>
      <Objects objects={group.objects} />
      <FindingFacts finding={finding} first={group.first} />
      <Reasons finding={finding} />
      <Advice text={finding.advice[lang]} />
      <Evidence finding={finding} endpoint={endpoint} open={props.first} />
    </article>
  );
}

function Objects({ objects }: { objects: string[] }) {
  const { t } = useLang();
  const rows = (list: string[]) =>
    list.map((object) => (
      <p className="object-box mono" key={object}>
        <span>
          <LogText text={object} />
        </span>
        <Copy text={object} label={`${t.common.copy} ${t.endpoint.object}`} />
      </p>
    ));
  return (
    <>
      {rows(objects.slice(0, OBJECTS_SHOWN))}
      {objects.length > OBJECTS_SHOWN && (
        <details className="evidence">
          <summary>{t.endpoint.more(objects.length - OBJECTS_SHOWN)}</summary>
          {rows(objects.slice(OBJECTS_SHOWN))}
        </details>
      )}
    </>
  );
}

/** `first`: when the cause was seen first, where that is not the time of this finding. */
export function FindingFacts({ finding, first }: { finding: Finding; first?: string | null }) {
  const { t } = useLang();
  return (
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
          {first && first !== finding.logged && (
            <span className="muted">
              <time>{first}</time> –{" "}
            </span>
          )}
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
  );
}

export function Reasons({ finding }: { finding: Finding }) {
  const { lang, t } = useLang();
  if (finding.reasons.length === 0) return null;
  return (
    <details className="evidence">
      <summary>{t.endpoint.whyThis}</summary>
      <ul className="reasons">
        {finding.reasons.map((reason) => (
          <li key={reason.key}>
            <LogText text={reason.text[lang]} />
          </li>
        ))}
        {finding.rule && (
          <li className="muted">
            {t.endpoint.rule}{" "}
            <span className="mono">
              <LogText text={finding.rule} />
            </span>
          </li>
        )}
      </ul>
    </details>
  );
}

export function Evidence({ finding, endpoint, open }: { finding: Finding; endpoint: string; open: boolean }) {
  const { t } = useLang();
  if (finding.evidence.length === 0) return null;
  return (
    <details className="evidence" open={open}>
      <summary>
        {t.endpoint.evidence} <small className="muted">{finding.evidence.length}</small>
      </summary>
      <ol>
        {finding.evidence.map((line) => (
          <li key={`${line.stream} ${line.offset}`}>
            <Link href={recordUrl(endpoint, line.stream, line.offset)} title={t.common.opensRecord}>
              <span className="evidence-text mono">
                <RecordText text={line.text} />
              </span>
              <span className="evidence-place">
                {word(t.sources, line.source)} · {t.records.at(line.offset)} →
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </details>
  );
}
