// One attempt: the way from its origin to its result, each step a record of the log. Alerts and tickets lead here.

import type { Attempt, AttemptDetail, Rung } from "../api";
import { titleOfFinding } from "../case";
import { segments } from "../codes";
import { causeOf, hasFailed } from "../findings";
import { count, duration } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { namesOf } from "../names";
import { Link } from "../nav";
import { Advice } from "../parts/advice";
import { CaseButtons } from "../parts/case-buttons";
import { Code } from "../parts/code";
import { Held, Standing } from "../parts/held";
import { LogText, RecordText } from "../parts/log-text";
import { Outcome } from "../parts/outcome";
import { Copy, Time } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { attemptUrl, causeUrl, endpointUrl, endpointsUrl, recordUrl, updateUrl } from "../url";
import { took } from "./endpoint-attempts";
import { FindingFacts, Reasons } from "./endpoint-cause";

const TONES: Record<string, string> = {
  failed: "bad",
  rolled_back: "bad",
  pending_reboot: "warn",
  cancelled: "warn",
  succeeded: "good",
};

export function AttemptPage({ id, attempt }: { id: string; attempt: string }) {
  const loaded = useApi<AttemptDetail>(`/api/v1${attemptUrl(id, attempt)}`);
  const { data, error, reload } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={10} />;
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Head data={data} />
        <div className="columns endpoint-columns">
          <div className="stack">
            <Ladder data={data} />
            <Cause data={data} />
          </div>
          <div className="stack">
            <Same data={data} />
            <Details data={data} />
            <Around data={data} />
          </div>
        </div>
      </Held>
    </>
  );
}

function Head({ data }: { data: AttemptDetail }) {
  const { lang, t } = useLang();
  const { endpoint, attempt, finding } = data;
  const name = namesOf(endpoint.name, endpoint.host, endpoint.id)[0]!;
  return (
    <div className={`headline ${TONES[attempt.outcome] ?? ""}`}>
      <p className="trail">
        <span>
          <Link href={endpointsUrl()}>{t.endpoints.title}</Link> <span aria-hidden="true">/</span>{" "}
          <Link href={endpointUrl(endpoint.id)}>
            <LogText text={name} />
          </Link>
        </span>
      </p>
      <h1>
        <LogText
          text={t.attempt.of(attempt.kb || attempt.package || t.attempt.anUpdate, word(t.outcomes, attempt.outcome))}
        />
      </h1>
      <p>
        <span className="strong">{finding ? <LogText text={titleOfFinding(finding, lang)} /> : t.attempt.noCause}</span>
        <Time logged={attempt.start} utc={attempt.start_utc} />
      </p>
      <CaseButtons
        id={endpoint.id}
        ticket={{
          pc: name,
          build: endpoint.build,
          attempt,
          finding,
          url: location.origin + attemptUrl(endpoint.id, attempt.id),
        }}
        category={finding?.category ?? null}
        tell={hasFailed(attempt)}
      />
    </div>
  );
}

function Ladder({ data }: { data: AttemptDetail }) {
  const { t } = useLang();
  const { ladder, endpoint } = data;
  return (
    <Panel title={t.attempt.ladder} hint={ladder.length > 0 ? t.attempt.ladderHint : undefined}>
      {ladder.length === 0 && <Empty text={t.attempt.noLadder} />}
      <ol className="ladder">
        {ladder.map((rung) => (
          <li key={`${rung.stream} ${rung.offset} ${rung.rung}`} className={`rung ${rung.rung}`}>
            <RungLine rung={rung} endpoint={endpoint.id} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function RungLine({ rung, endpoint }: { rung: Rung; endpoint: string }) {
  const { t } = useLang();
  return (
    <>
      <p className="rung-head">
        <b>{word(t.attempt.rungs, rung.rung)}</b>
        <Time logged={rung.logged} utc={rung.utc} />
        <Link href={recordUrl(endpoint, rung.stream, rung.offset)} className="to-record">
          {word(t.sources, rung.source)} · {t.records.at(rung.offset)} →
          <span className="sr"> {t.attempt.toRecord}</span>
        </Link>
      </p>
      <p className="rung-text mono">
        {rung.text === null && <RecordText text={null} />}
        {segments(rung.text ?? "", rung.codes).map((piece, index) =>
          piece.code === null ? (
            <LogText key={index} text={piece.text} />
          ) : (
            <Code key={index} code={piece.code}>
              {piece.text}
            </Code>
          ),
        )}
      </p>
    </>
  );
}

function Cause({ data }: { data: AttemptDetail }) {
  const { lang, t } = useLang();
  const { finding } = data;
  if (!finding) return null;
  return (
    <Panel title={t.endpoint.cause} aside={<Link href={causeUrl(causeOf(finding))}>{t.pc.toCause}</Link>}>
      <div className="finding plain-finding">
        <h3>
          <LogText text={titleOfFinding(finding, lang)} />
        </h3>
        {finding.object && (
          <p className="object-box mono">
            <span>
              <LogText text={finding.object} />
            </span>
            <Copy text={finding.object} label={`${t.common.copy} ${t.endpoint.object}`} />
          </p>
        )}
        <FindingFacts finding={finding} />
        <Reasons finding={finding} />
        <Advice text={finding.advice[lang]} />
      </div>
    </Panel>
  );
}

function Same({ data }: { data: AttemptDetail }) {
  const { t } = useLang();
  const { same } = data;
  if (same.cause === null) return null;
  return (
    <Panel title={t.attempt.same} aside={<Link href={causeUrl(same.cause)}>{t.attempt.toCause}</Link>}>
      {same.pcs <= 1 ? (
        <Empty text={t.attempt.sameNone} />
      ) : (
        <p className="lines">
          <Link href={endpointsUrl({ filters: { cause: same.cause } })}>
            <b>{t.attempt.samePcs(same.pcs)}</b>
          </Link>{" "}
          <span className="muted">{t.attempt.sameAttempts(same.attempts)}</span>
        </p>
      )}
    </Panel>
  );
}

function Details({ data }: { data: AttemptDetail }) {
  const { lang, t } = useLang();
  const { attempt, endpoint } = data;
  const time = took(attempt);
  const fact = (label: string, value: React.ReactNode) => (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
  const mono = (text: string) => (
    <span className="mono wrap">
      <LogText text={text} />
    </span>
  );
  return (
    <Panel title={t.attempt.details}>
      <dl className="facts">
        {fact(t.endpoint.outcome, <Outcome outcome={attempt.outcome} />)}
        {attempt.terminal_code &&
          fact(t.endpoint.endedWith, <Code code={attempt.terminal_code} name={attempt.terminal_name} />)}
        {attempt.kb &&
          fact(
            t.updates.update,
            <Link href={updateUrl(attempt.kb)} className="mono">
              <LogText text={attempt.kb} />
            </Link>,
          )}
        {attempt.package && fact(t.endpoint.package, mono(attempt.package))}
        {fact(t.endpoint.start, <Time logged={attempt.start} utc={attempt.start_utc} stacked />)}
        {fact(
          t.endpoint.took,
          time === null ? <span className="muted">{t.endpoint.tookUnknown}</span> : duration(lang, time),
        )}
        {attempt.client && fact(t.endpoint.client, mono(attempt.client))}
        {attempt.session && fact(t.endpoint.session, mono(attempt.session))}
        {endpoint.build && fact(t.endpoint.build, mono(endpoint.build))}
      </dl>
    </Panel>
  );
}

function Around({ data }: { data: AttemptDetail }) {
  const { lang, t } = useLang();
  const { before, after, endpoint } = data;
  const all = before.length + after.length;
  return (
    <Panel title={t.attempt.around} hint={all > 0 ? count(lang, all) : undefined}>
      {all === 0 && <Empty text={t.attempt.noAround} />}
      <AttemptList title={t.attempt.after} attempts={after} endpoint={endpoint.id} />
      <AttemptList title={t.attempt.before} attempts={before} endpoint={endpoint.id} />
    </Panel>
  );
}

function AttemptList({ title, attempts, endpoint }: { title: string; attempts: Attempt[]; endpoint: string }) {
  const { t } = useLang();
  if (attempts.length === 0) return null;
  return (
    <section className="around" aria-label={title}>
      <h3>{title}</h3>
      <ol>
        {attempts.map((attempt) => (
          <li key={attempt.id}>
            <Outcome outcome={attempt.outcome} />
            <Link href={attemptUrl(endpoint, attempt.id)} className="mono">
              {attempt.start ?? t.common.unknown}
            </Link>
            {attempt.terminal_code && <Code code={attempt.terminal_code} />}
          </li>
        ))}
      </ol>
    </section>
  );
}
