// Above a log: what of it is shown, where to go in it, what to look for in all of it, and the log as a file.

import { type FormEvent, useEffect, useRef, useState } from "react";
import type { LogRecord } from "../api";
import type { FoundRecord } from "../api";
import { asker, findInLog, NOTHING, timeOf, type Wanted, type Way } from "../find";
import { percent } from "../format";
import { useLang } from "../i18n";
import { ApiError } from "../load";
import { go } from "../nav";
import { Failed } from "./states";
import { type RecordFilter, byteOf, choices, isNarrow } from "../records-filter";
import { logFileUrl, recordUrl } from "../url";

export function LogTools(props: {
  id: string;
  stream: string;
  /** All that is loaded. */
  records: LogRecord[];
  shown: number;
  filter: RecordFilter;
  onFilter: (filter: RecordFilter) => void;
}) {
  const { t } = useLang();
  const { id, stream, records, shown, filter, onFilter } = props;
  return (
    <>
      <div className="filters log-tools">
        <input
          type="search"
          className="field"
          value={filter.text}
          onChange={(event) => onFilter({ ...filter, text: event.target.value })}
          placeholder={t.log.text}
          aria-label={t.log.text}
          spellCheck={false}
        />
        {(["level", "component"] as const).map((of) => (
          <select
            key={of}
            className="field"
            value={filter[of]}
            onChange={(event) => onFilter({ ...filter, [of]: event.target.value })}
            aria-label={t.log[of]}
          >
            <option value="">{t.log.any(t.log[of])}</option>
            {withChosen(choices(records, of), filter[of]).map((value) => (
              <option key={value}>{value}</option>
            ))}
          </select>
        ))}
        <Jump id={id} stream={stream} />
        <a href={logFileUrl(id, stream)} download title={t.log.downloadHint}>
          {t.log.download}
        </a>
        {isNarrow(filter) && (
          <span role="status" className="muted">
            {t.log.shown(shown, records.length)}
          </span>
        )}
      </div>
      <Find id={id} stream={stream} records={records} />
    </>
  );
}

/** Levels that an engineer jumps between. */
const LEVELS = ["error", "warning"];

/** What was looked for last in a log: the page of the place that was found goes on from there. */
const wantedLast = new Map<string, Wanted>();

function Find({ id, stream, records }: { id: string; stream: string; records: LogRecord[] }) {
  const { lang, t } = useLang();
  const key = `${id} ${stream}`;
  const [wanted, setWanted] = useState(wantedLast.get(key) ?? NOTHING);
  const [came, setCame] = useState<number | "nothing" | null>(null);
  const [failed, setFailed] = useState<ApiError | null>(null);
  const under = useRef<AbortController | null>(null);
  useEffect(() => () => under.current?.abort(), []);
  const target = records.find((record) => record.target) ?? records[0];
  const isEmpty = wanted.text.trim() === "" && wanted.level === "";
  const look = (way: Way) => {
    under.current?.abort();
    const asking = new AbortController();
    under.current = asking;
    wantedLast.set(key, wanted);
    setFailed(null);
    setCame(0);
    const from = !target ? 0 : way === "next" ? target.offset + Math.max(1, target.length) : target.offset;
    const all = ({ end }: FoundRecord) => Math.max(1, way === "next" ? end - from : from);
    const reached = (found: FoundRecord) => setCame(Math.min(1, Math.abs(found.reached - from) / all(found)));
    findInLog(asker(id, stream, asking.signal), wanted, way, from, reached).then(
      (offset) => {
        if (offset === null) setCame("nothing");
        else go(recordUrl(id, stream, offset));
      },
      (wrong: unknown) => {
        setCame(null);
        if (!asking.signal.aborted) setFailed(wrong instanceof ApiError ? wrong : new ApiError(0, String(wrong), null));
      },
    );
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!isEmpty) look("next");
  };
  return (
    <form className="filters log-tools find" role="search" aria-label={t.log.find} onSubmit={submit}>
      <input
        type="search"
        className="field"
        value={wanted.text}
        onChange={(event) => setWanted({ ...wanted, text: event.target.value })}
        placeholder={t.log.find}
        aria-label={t.log.find}
        maxLength={300}
        spellCheck={false}
      />
      <select
        className="field"
        value={wanted.level}
        onChange={(event) => setWanted({ ...wanted, level: event.target.value })}
        aria-label={t.log.level}
      >
        <option value="">{t.log.any(t.log.level)}</option>
        {LEVELS.map((level) => (
          <option key={level}>{level}</option>
        ))}
      </select>
      <button type="button" className="button" disabled={isEmpty} onClick={() => look("previous")}>
        ↑ {t.log.previous}
      </button>
      <button type="submit" className="button" disabled={isEmpty}>
        ↓ {t.log.next}
      </button>
      <span role="status" className="muted">
        {came === "nothing" ? t.log.notFound : came ? t.log.looking(percent(lang, came, 1)) : ""}
      </span>
      {failed && <Failed error={failed} onRetry={() => setFailed(null)} />}
    </form>
  );
}

/** What was chosen stays to be seen where no loaded record has it any more. */
const withChosen = (values: string[], chosen: string) =>
  chosen === "" || values.includes(chosen) ? values : [chosen, ...values];

function Jump({ id, stream }: { id: string; stream: string }) {
  const { t } = useLang();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const [none, setNone] = useState(false);
  const jump = (event: FormEvent) => {
    event.preventDefault();
    const [byte, time] = [byteOf(typed), timeOf(typed)];
    setWrong(byte === null && time === null);
    setNone(false);
    if (byte !== null) go(recordUrl(id, stream, byte));
    else if (time !== null)
      asker(
        id,
        stream,
        new AbortController().signal,
      )({ time }).then(
        ({ offset }) => (offset === null ? setNone(true) : go(recordUrl(id, stream, offset))),
        () => setWrong(true),
      );
  };
  return (
    <form className="jump" onSubmit={jump}>
      <input
        className="field"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        placeholder={t.log.byte}
        aria-label={t.log.byte}
        aria-invalid={wrong}
      />
      <button type="submit" className="button">
        {t.log.jump}
      </button>
      {none && (
        <span role="status" className="muted">
          {t.log.noTime}
        </span>
      )}
    </form>
  );
}
