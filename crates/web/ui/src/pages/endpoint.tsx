// One endpoint: what failed, why, what to do, and the lines that show it.

import { type EndpointDetail, useApi } from "../api";
import { bytes, count } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Copy } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { overviewUrl, recordUrl } from "../url";
import { Attempts } from "./endpoint-attempts";
import { FindingCard } from "./endpoint-finding";

/** An open endpoint page follows a machine that is still sending. */
const POLL_MS = 10_000;

export function EndpointPage({ id }: { id: string }) {
  const { t } = useLang();
  const { data, error, reload } = useApi<EndpointDetail>(`/api/v1/endpoints/${encodeURIComponent(id)}`, () => POLL_MS);
  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={10} />;
  // What is only worth knowing changes no verdict, and stands behind what does.
  const noted = data.findings.filter(({ severity }) => severity === "info").length;
  return (
    <>
      <Head id={id} data={data} />
      <div className="columns endpoint-columns">
        <div className="stack">
          <Panel title={t.endpoint.findings} className="findings">
            {data.findings.length === 0 && <Empty text={`${t.endpoint.noFindings}. ${t.endpoint.noFindingsHint}`} />}
            {data.findings.map(
              (finding, index) =>
                finding.severity !== "info" && (
                  <FindingCard key={finding.id} finding={finding} index={index} endpoint={id} first={index === 0} />
                ),
            )}
            {noted > 0 && (
              <details className="noted" open={noted === data.findings.length}>
                <summary>{t.endpoint.noted(noted)}</summary>
                {data.findings.map(
                  (finding, index) =>
                    finding.severity === "info" && (
                      <FindingCard key={finding.id} finding={finding} index={index} endpoint={id} first={false} />
                    ),
                )}
              </details>
            )}
          </Panel>
          <Attempts data={data} />
        </div>
        <div className="stack">
          <Facts data={data} />
          <Streams id={id} data={data} />
          <Codes data={data} />
        </div>
      </div>
    </>
  );
}

function Head({ id, data }: { id: string; data: EndpointDetail }) {
  const { t } = useLang();
  const failed = data.attempts.filter(({ outcome }) => outcome === "failed" || outcome === "rolled_back").length;
  const real = data.findings.filter(({ severity }) => severity !== "info").length;
  const [tone, verdict] =
    failed > 0
      ? ["bad", t.endpoint.verdictFailed(failed)]
      : real > 0
        ? ["warn", t.endpoint.verdictFindings(real)]
        : data.attempts.length > 0
          ? ["good", t.endpoint.verdictHealthy]
          : ["", t.endpoint.verdictNone];
  return (
    <div className={`headline ${tone}`}>
      <h1>{data.endpoint.host || id}</h1>
      <p>
        <span className="verdict">{verdict}</span>
        <Link href={overviewUrl({ endpoint: id })}>{t.overview.title}</Link>
      </p>
    </div>
  );
}

function Facts({ data }: { data: EndpointDetail }) {
  const { t } = useLang();
  const { endpoint } = data;
  const unknown = <span className="muted">{t.common.unknown}</span>;
  // The latest offset of any log is the one in force.
  const offset = data.streams
    .flatMap((stream) => stream.utc_offsets)
    .sort((a, b) => (a.from_logged ?? "").localeCompare(b.from_logged ?? ""))
    .at(-1);
  return (
    <Panel title={t.endpoint.facts}>
      <dl className="facts">
        <div>
          <dt>{t.endpoint.id}</dt>
          <dd className="mono wrap">
            {endpoint.id} <Copy text={endpoint.id} label={`${t.common.copy} ${t.endpoint.id}`} />
          </dd>
        </div>
        <div>
          <dt>{t.endpoint.build}</dt>
          <dd className="mono">{endpoint.build || unknown}</dd>
        </div>
        <div>
          <dt>{t.endpoint.stack}</dt>
          <dd className="mono wrap">{endpoint.servicing_stack || unknown}</dd>
        </div>
        <div>
          <dt>{t.endpoint.offset}</dt>
          <dd>
            {offset ? (
              <>
                <span className="mono">{offset.offset}</span> <small className="muted">{word(t.how, offset.how)}</small>
              </>
            ) : (
              <span className="muted">{t.endpoint.offsetUnknown}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>{t.endpoint.span}</dt>
          <dd className="mono">
            {endpoint.first ? (
              <>
                {endpoint.first}
                <br />
                {endpoint.last}
              </>
            ) : (
              unknown
            )}
          </dd>
        </div>
      </dl>
    </Panel>
  );
}

function Streams({ id, data }: { id: string; data: EndpointDetail }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.endpoint.streams} hint={t.endpoint.streamsHint}>
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
            <p className="mono path" title={stream.path}>
              {stream.path}
            </p>
            <p className="mono muted">
              {stream.first ?? "–"} – {stream.last ?? "–"}
            </p>
            {stream.utc_offsets.length > 1 &&
              stream.utc_offsets.map((offset) => (
                <p key={`${offset.from_logged} ${offset.offset}`}>
                  <span className="mono">{offset.offset}</span>{" "}
                  <small className="muted">
                    {t.endpoint.readFrom} {offset.from_logged ?? "–"}, {word(t.how, offset.how)}
                  </small>
                </p>
              ))}
            {stream.gaps.length === 0 ? (
              <p className="muted">{t.endpoint.noGaps}</p>
            ) : (
              <details className="gaps">
                <summary>{t.endpoint.gaps(stream.gaps.length)}</summary>
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

function Codes({ data }: { data: EndpointDetail }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.endpoint.codes} hint={t.overview.codesHint}>
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
