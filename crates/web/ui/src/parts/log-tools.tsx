// Above a log: what of it is shown, where to go in it, and the log as a file.

import { type FormEvent, useState } from "react";
import type { LogRecord } from "../api";
import { useLang } from "../i18n";
import { go } from "../nav";
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
  );
}

/** What was chosen stays to be seen where no loaded record has it any more. */
const withChosen = (values: string[], chosen: string) =>
  chosen === "" || values.includes(chosen) ? values : [chosen, ...values];

function Jump({ id, stream }: { id: string; stream: string }) {
  const { t } = useLang();
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const jump = (event: FormEvent) => {
    event.preventDefault();
    const byte = byteOf(typed);
    setWrong(byte === null);
    if (byte !== null) go(recordUrl(id, stream, byte));
  };
  return (
    <form className="jump" onSubmit={jump}>
      <input
        className="field"
        inputMode="numeric"
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
        placeholder={t.log.byte}
        aria-label={t.log.byte}
        aria-invalid={wrong}
      />
      <button type="submit" className="button">
        {t.log.jump}
      </button>
    </form>
  );
}
