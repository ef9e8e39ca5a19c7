// The log itself around one record: its neighbours both ways, its codes explained in place.

import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { LogRecord, Records } from "../api";
import { segments } from "../codes";
import { bytes, utcBeside } from "../format";
import { useLang, word } from "../i18n";
import { ApiError, get, useApi } from "../load";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Copy } from "../parts/small";
import { LogTools } from "../parts/log-tools";
import { LogText } from "../parts/log-text";
import { Empty, Failed, Note, Skeleton } from "../parts/states";
import { ALL, matching } from "../records-filter";
import { endpointUrl, recordUrl } from "../url";

/** Neighbours each way: a screenful, which is what an engineer scrolls through first. */
const AROUND = 25;
const MORE = 100;

type Props = { id: string; stream: string; offset: number };

export function RecordsPage({ id, stream, offset }: Props) {
  const { t } = useLang();
  const path = (at: number, before: number, after: number) =>
    `/api/v1/endpoints/${encodeURIComponent(id)}/records?stream=${encodeURIComponent(stream)}&offset=${at}&before=${before}&after=${after}` as const;
  const { data, error, reload } = useApi<Records>(path(offset, AROUND, AROUND));
  const [earlier, setEarlier] = useState<LogRecord[]>([]);
  const [later, setLater] = useState<LogRecord[]>([]);
  const [more, setMore] = useState<{ before: boolean; after: boolean } | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const [filter, setFilter] = useState(ALL);
  const target = useRef<HTMLLIElement>(null);

  const arrived = data !== null;
  useEffect(() => {
    if (arrived) toTarget(target.current);
  }, [arrived]);

  // Records put in above must not move what is being read.
  const height = useRef<number | null>(null);
  useLayoutEffect(() => {
    if (height.current === null) return;
    scrollBy({ top: document.documentElement.scrollHeight - height.current, behavior: "instant" });
    height.current = null;
  }, [earlier]);

  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={12} />;
  const records = [...earlier, ...data.records, ...later];
  const shown = matching(records, filter);
  const open = more ?? { before: data.more_before, after: data.more_after };
  const host = (
    <Link href={endpointUrl(id)} className="mono">
      <LogText text={id} />
    </Link>
  );
  const load = (way: "before" | "after") => {
    const edge = way === "before" ? records[0] : records[records.length - 1];
    if (!edge) return;
    get<Records>(path(edge.offset, way === "before" ? MORE : 0, way === "after" ? MORE : 0)).then(
      (page) => {
        setFailed(null);
        if (way === "before") {
          height.current = document.documentElement.scrollHeight;
          setEarlier([...page.records.filter((record) => record.offset < edge.offset), ...earlier]);
          setMore({ ...open, before: page.more_before });
        } else {
          setLater([...later, ...page.records.filter((record) => record.offset > edge.offset)]);
          setMore({ ...open, after: page.more_after });
        }
      },
      (wrong: unknown) => setFailed(wrong instanceof ApiError ? wrong : new ApiError(0, String(wrong), null)),
    );
  };

  return (
    <>
      <div className="page-head">
        <p className="trail">
          {host} <span aria-hidden="true">/</span> {word(t.sources, data.source)}
        </p>
        <h1 className="path mono">
          <LogText text={data.path || t.records.title} />
        </h1>
        <p className="muted">
          {t.records.pieces} · {data.encoding}
        </p>
      </div>
      {data.expired && (
        <div className="banner" role="status">
          <strong>{t.common.both(t.records.expired, "")}</strong> {t.records.expiredHint}
        </div>
      )}
      {records.length === 0 ? (
        !data.expired && <Note title={t.records.none} text={t.records.noneHint} />
      ) : (
        <>
          <LogTools
            id={id}
            stream={stream}
            records={records}
            shown={shown.length}
            filter={filter}
            onFilter={setFilter}
          />
          <div className="log">
            {open.before ? (
              <button type="button" className="button wide-button" onClick={() => load("before")}>
                ↑ {t.records.before}
              </button>
            ) : (
              <p className="edge">{t.records.begin}</p>
            )}
            <div className="record record-head" aria-hidden="true">
              <span>{t.common.local}</span>
              <span>{t.common.utc}</span>
            </div>
            <ol className="records">
              {shown.map((record) => {
                const here =
                  record.offset === offset || (record.target && !earlier.includes(record) && !later.includes(record));
                return (
                  <li
                    key={record.offset}
                    ref={here ? target : undefined}
                    className={`record ${here ? "target" : ""} level-${record.level}`}
                    aria-current={here ? "true" : undefined}
                  >
                    <Record record={record} reference={reference(record, id, stream, data.path)} />
                  </li>
                );
              })}
            </ol>
            {open.after ? (
              <button type="button" className="button wide-button" onClick={() => load("after")}>
                ↓ {t.records.after}
              </button>
            ) : (
              <p className="edge">{t.records.end}</p>
            )}
            {failed && <Failed error={failed} onRetry={() => setFailed(null)} />}
            {shown.length === 0 && <Empty text={t.log.none} />}
            {shown.length > AROUND && (
              <button type="button" className="button to-target" onClick={() => toTarget(target.current)}>
                {t.records.toTarget}
              </button>
            )}
          </div>
        </>
      )}
    </>
  );
}

function Record({ record, reference }: { record: LogRecord; reference: string }) {
  const { lang, t } = useLang();
  return (
    <>
      <span className="record-when">{record.logged ?? ""}</span>
      <span className="record-utc">
        {record.utc && (
          <time dateTime={record.utc} title={record.utc}>
            {utcBeside(record.utc, record.logged)}
          </time>
        )}
      </span>
      <span className="record-level">{record.level === "unknown" ? "" : record.level}</span>
      <span className="record-component">
        <LogText text={record.component} />
      </span>
      <span className="record-text">
        {segments(record.text, record.codes).map((piece, index) =>
          piece.code === null ? (
            <LogText key={index} text={piece.text} />
          ) : (
            <Code key={index} code={piece.code}>
              {piece.text}
            </Code>
          ),
        )}
        {record.omitted ? <span className="muted">{t.records.omitted(bytes(lang, record.omitted))}</span> : null}
      </span>
      <span className="record-tools">
        <Copy text={reference} label={t.records.copyRecord} />
      </span>
    </>
  );
}

/** A record as it is pasted into a ticket: the text, then where it stands. */
export function reference(record: LogRecord, id: string, stream: string, path: string): string {
  const when = [record.logged, record.utc && `(${record.utc})`].filter(Boolean).join(" ");
  return [
    record.text,
    "",
    `${id}  ${path}  @${record.offset}+${record.length}  ${when}`.trimEnd(),
    `${location.origin}${recordUrl(id, stream, record.offset)}`,
  ].join("\n");
}

function toTarget(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: "center", behavior: "instant" });
}
