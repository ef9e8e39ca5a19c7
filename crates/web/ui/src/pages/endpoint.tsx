// One endpoint: what failed, why, what to do, and the lines that show it.

import type { ReactNode } from "react";
import type { EndpointDetail, ListName } from "../api";
import { titleOfFinding } from "../case";
import { useRenewal } from "../changes";
import { attemptOf, latestFailure, sorted } from "../findings";
import { bytes, count, duration } from "../format";
import { type Messages, useLang, word } from "../i18n";
import { useApi } from "../load";
import { namesOf } from "../names";
import { Link } from "../nav";
import { CaseButtons } from "../parts/case-buttons";
import { Code } from "../parts/code";
import { Files } from "../parts/files";
import { Held, Standing } from "../parts/held";
import { HeldSentence } from "../parts/held-times";
import { LogText } from "../parts/log-text";
import { Pager } from "../parts/pager";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { type Places, endpointUrl, endpointsUrl, listPath, recordUrl } from "../url";
import { visible } from "../visible";
import { Attempts } from "./endpoint-attempts";
import { Facts } from "./endpoint-facts";
import { Problems, Updates } from "./endpoint-problems";

/** Where nothing says whether there is anything new, an open endpoint page is asked again this often. */
const POLL_MS = 5_000;

/** Else this often: how much of its logs has come. */
const SLOW_MS = 30_000;

export function EndpointPage({ id, places, derived }: { id: string; places: Places; derived: number | undefined }) {
  const { t } = useLang();
  const every = derived === undefined ? POLL_MS : SLOW_MS;
  const loaded = useApi<EndpointDetail>(`/api/v1${endpointUrl(id, places)}`, () => every);
  useRenewal(derived, loaded);
  const { data, error, reload } = loaded;

  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={10} />;
  const pager = (list: ListName, label: string) => (
    <Pager
      page={data.pages[list]}
      rows={data[list].length}
      label={label}
      href={(place) => endpointUrl(id, { ...places, [list]: place })}
    />
  );
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Head id={id} data={data} />
        <Cloned hosts={data.endpoint.clones} />
        <ClockAhead minutes={data.endpoint.clock_ahead_minutes} />
        <div className="columns endpoint-columns">
          <div className="stack">
            <Problems data={data} pager={pager("findings", t.endpoint.findings)} />
            <Updates data={data} />
            <Attempts data={data} pager={pager("attempts", t.endpoint.attempts)} />
          </div>
          <div className="stack">
            <Facts data={data} />
            <Streams id={id} data={data} pager={pager("streams", t.endpoint.streams)} />
            <Codes data={data} pager={pager("codes", t.endpoint.codes)} />
          </div>
        </div>
      </Held>
    </>
  );
}

/** Who it is and how it fares in words; without a verdict of the server, by what its lists hold. */
function Head({ id, data }: { id: string; data: EndpointDetail }) {
  const { lang, t } = useLang();
  const { verdict } = data;
  const [tone, text] = verdict ? [TONES[verdict.state] ?? "", verdict.text[lang]] : counted(data, t);
  const name = namesOf(data.endpoint.name, data.endpoint.host, id)[0]!;
  // A case is about what is wrong now; where nothing is, about what was last.
  const [worst] = sorted(data.findings).failing;
  const attempt = worst ? attemptOf(worst, data.attempts) : latestFailure(data.attempts);
  const finding = worst?.latest ?? data.findings.find(({ place }) => place === attempt?.finding) ?? null;
  return (
    <div className={`headline ${tone}`}>
      <p className="trail">
        <Link href={endpointsUrl()}>{t.endpoints.title}</Link>
      </p>
      <h1>
        <LogText text={name} />
      </h1>
      <p>
        <span className="verdict">
          <LogText text={text} />
        </span>
        {worst && (
          <span className="strong">
            <LogText text={titleOfFinding(worst.latest, lang)} />
          </span>
        )}
        {data.held && <HeldSentence held={data.held} good={tone === "good"} />}
        <LastLog contact={data.endpoint.contact} />
      </p>
      {(attempt || finding) && (
        <CaseButtons
          id={id}
          ticket={{ pc: name, build: data.endpoint.build, attempt, finding, url: location.origin + endpointUrl(id) }}
          category={finding?.category ?? null}
          tell={worst !== undefined}
        />
      )}
    </div>
  );
}

/** What follows is of several machines at once, so it is said before it. */
function Cloned({ hosts }: { hosts: string[] }) {
  const { t } = useLang();
  if (hosts.length === 0) return null;
  return (
    <div className="banner" role="status">
      <strong>{t.common.both(t.clones.of(hosts.length), "")}</strong> {t.clones.ofHint}{" "}
      <span className="mono wrap">
        <LogText text={hosts.join(", ")} />
      </span>
    </div>
  );
}

/** What it logs stands at times that have not come. */
function ClockAhead({ minutes }: { minutes: number | null }) {
  const { lang, t } = useLang();
  if (minutes === null) return null;
  return (
    <div className="banner" role="status">
      <strong>{t.clones.clock(duration(lang, minutes * 60_000))}</strong> {t.clones.clockHint}
    </div>
  );
}

const TONES: Record<string, string> = {
  failing: "bad",
  restart: "warn",
  cancelled: "warn",
  recovered: "good",
  installed: "good",
  superseded: "good",
};

function counted(data: EndpointDetail, t: Messages): [tone: string, text: string] {
  const { failed, attempts, findings, noted } = data.totals;
  const real = findings - noted;
  if (failed > 0) return ["bad", t.endpoint.verdictFailed(failed)];
  if (real > 0) return ["warn", t.endpoint.verdictFindings(real)];
  return attempts > 0 ? ["good", t.endpoint.verdictHealthy] : ["", t.endpoint.verdictNone];
}

function LastLog({ contact }: { contact: string | null }) {
  const { lang, t } = useLang();
  const at = contact === null ? Number.NaN : Date.parse(contact);
  if (Number.isNaN(at)) return null;
  return (
    <span className="muted" title={contact!}>
      {t.status.lastLog(duration(lang, Math.max(0, Date.now() - at), 1))}
    </span>
  );
}

function Streams({ id, data, pager }: { id: string; data: EndpointDetail; pager: ReactNode }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.endpoint.streams} hint={t.endpoint.streamsHint} aside={<Files path={listPath(id, "logs")} />}>
      {pager}
      {data.streams.length === 0 && <Empty text={t.endpoint.noStreams} />}
      <ul className="streams">
        {data.streams.map((stream) => (
          <li key={stream.stream}>
            <p>
              <b>{word(t.sources, stream.source)}</b>{" "}
              <small className="muted">
                {bytes(lang, stream.bytes)} · {stream.encoding}
              </small>{" "}
              <Link href={recordUrl(id, stream.stream, 0)}>{t.endpoint.open}</Link>
            </p>
            <p className="mono path" title={visible(stream.path)}>
              <LogText text={stream.path} />
            </p>
            <p className="mono muted">
              {stream.first ?? "–"} – {stream.last ?? "–"}
            </p>
            {stream.utc_offsets_total > stream.utc_offsets.length && (
              <p className="muted">{t.endpoint.offsetsCut(stream.utc_offsets.length, stream.utc_offsets_total)}</p>
            )}
            {stream.utc_offsets.length > 1 &&
              stream.utc_offsets.map((offset) => (
                <p key={`${offset.from_logged} ${offset.offset}`}>
                  <span className="mono">{offset.offset}</span>{" "}
                  <small className="muted">
                    {t.endpoint.readFrom} {offset.from_logged ?? "–"} · {word(t.how, offset.how)}
                  </small>
                </p>
              ))}
            {stream.gaps.length === 0 ? (
              <p className="muted">{t.endpoint.noGaps}</p>
            ) : (
              <details className="gaps">
                <summary>{t.endpoint.gaps(stream.gaps_total)}</summary>
                {stream.gaps_total > stream.gaps.length && (
                  <p className="muted">{t.endpoint.gapsCut(stream.gaps.length, stream.gaps_total)}</p>
                )}
                {stream.gaps.map((gap) => (
                  <p key={`${gap.from} ${gap.to}`}>{t.endpoint.gap(gap.from, gap.to)}</p>
                ))}
              </details>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Codes({ data, pager }: { data: EndpointDetail; pager: ReactNode }) {
  const { lang, t } = useLang();
  return (
    <Panel
      title={t.endpoint.codes}
      hint={data.codes_days ? t.endpoint.codesHint(data.codes_days.from, data.codes_days.to) : undefined}
      aside={<Files path={listPath(data.endpoint.id, "codes")} />}
    >
      {pager}
      {data.codes.length === 0 && <Empty text={t.overview.noCodes} />}
      <ol className="codes">
        {data.codes.map((code) => (
          <li key={code.code} className={code.noise >= code.events ? "all-noise" : ""}>
            <Code code={code.code} name={code.names[0] ?? null} />
            <span className="code-count">
              <b>{count(lang, code.events - code.noise)}</b>
              {code.noise > 0 && (
                <small className="muted">
                  +{count(lang, code.noise)} {t.common.noise}
                </small>
              )}
            </span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}
