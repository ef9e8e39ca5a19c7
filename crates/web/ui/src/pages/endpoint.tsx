// One endpoint: what failed, why, what to do, and the lines that show it.

import { type ReactNode, useEffect, useRef } from "react";
import type { EndpointDetail, ListName } from "../api";
import { bytes, count } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { namesOf } from "../names";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { Pager } from "../parts/pager";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { type Places, endpointUrl, overviewUrl, recordUrl } from "../url";
import { visible } from "../visible";
import { Attempts } from "./endpoint-attempts";
import { Facts } from "./endpoint-facts";
import { FindingCard, findingId } from "./endpoint-finding";

/** An open endpoint page follows a machine that is still sending, and shows another name or label within this time. */
const POLL_MS = 5_000;

export function EndpointPage({ id, places }: { id: string; places: Places }) {
  const { t } = useLang();
  const loaded = useApi<EndpointDetail>(`/api/v1${endpointUrl(id, places)}`, () => POLL_MS);
  const { data, error, reload } = loaded;

  // A finding that an attempt leads to may stand on another page: it is shown once that has come.
  const wanted = useRef<string | null>(null);
  useEffect(() => {
    const card = wanted.current === null ? null : document.getElementById(findingId(wanted.current));
    if (!card) return;
    wanted.current = null;
    card.scrollIntoView({ behavior: "instant" });
    card.focus({ preventScroll: true });
  }, [data]);

  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={10} />;
  // What is only worth knowing changes no verdict, and stands behind what does.
  const noted = data.findings.filter(({ severity }) => severity === "info").length;
  const pager = (list: ListName, label: string) => (
    <Pager
      page={data.pages[list]}
      rows={data[list].length}
      label={label}
      href={(place) => endpointUrl(id, { ...places, [list]: place })}
    />
  );
  const toCause = {
    href: (place: string) => endpointUrl(id, { ...places, findings: place }),
    onFollow: (place: string) => (wanted.current = place),
  };
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Head id={id} data={data} />
        <div className="columns endpoint-columns">
          <div className="stack">
            <Panel title={t.endpoint.findings} className="findings">
              {pager("findings", t.endpoint.findings)}
              {data.findings.length === 0 && (
                <Empty text={t.common.both(t.endpoint.noFindings, t.endpoint.noFindingsHint)} />
              )}
              {data.findings.map(
                (finding, index) =>
                  finding.severity !== "info" && (
                    <FindingCard key={finding.place} finding={finding} endpoint={id} first={index === 0} />
                  ),
              )}
              {noted > 0 && (
                <details className="noted" open={noted === data.findings.length}>
                  <summary>{t.endpoint.noted(noted)}</summary>
                  {data.findings.map(
                    (finding) =>
                      finding.severity === "info" && (
                        <FindingCard key={finding.place} finding={finding} endpoint={id} first={false} />
                      ),
                  )}
                </details>
              )}
            </Panel>
            <Attempts data={data} pager={pager("attempts", t.endpoint.attempts)} toCause={toCause} />
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

function Head({ id, data }: { id: string; data: EndpointDetail }) {
  const { t } = useLang();
  const { failed, attempts, findings, noted } = data.totals;
  const real = findings - noted;
  const [tone, verdict] =
    failed > 0
      ? ["bad", t.endpoint.verdictFailed(failed)]
      : real > 0
        ? ["warn", t.endpoint.verdictFindings(real)]
        : attempts > 0
          ? ["good", t.endpoint.verdictHealthy]
          : ["", t.endpoint.verdictNone];
  return (
    <div className={`headline ${tone}`}>
      <h1>
        <LogText text={namesOf(data.endpoint.name, data.endpoint.host, id)[0]!} />
      </h1>
      <p>
        <span className="verdict">{verdict}</span>
        <Link href={overviewUrl({ endpoint: id })}>{t.overview.title}</Link>
      </p>
    </div>
  );
}

function Streams({ id, data, pager }: { id: string; data: EndpointDetail; pager: ReactNode }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.endpoint.streams} hint={t.endpoint.streamsHint}>
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
