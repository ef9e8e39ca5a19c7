// The case report of one attempt, made here from what the API says; what is typed in stays in this tab.

import { useEffect, useState } from "react";
import type { AttemptDetail, EndpointDetail } from "../api";
import { latestFailure } from "../findings";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { namesOf } from "../names";
import { Link } from "../nav";
import { LogText } from "../parts/log-text";
import { CopyButton } from "../parts/small";
import { Failed, Panel, Skeleton } from "../parts/states";
import { type Block, NOTHING_TYPED, type Report, type Typed, reportOf } from "../report";
import { toHtml, toMarkdown } from "../report-text";
import { attemptUrl, endpointUrl, endpointsUrl } from "../url";

export function ReportPage({ id, attempt }: { id: string; attempt: string | null }) {
  const { lang, t } = useLang();
  const pc = useApi<EndpointDetail>(`/api/v1${endpointUrl(id)}`);
  // Without one in the address it is about the newest that failed, where there is any.
  const about = attempt ?? (pc.data && (latestFailure(pc.data.attempts)?.id ?? null));
  const one = useApi<AttemptDetail>(about === null ? null : `/api/v1${attemptUrl(id, about)}`);
  const [typed, setTyped] = useTyped(`report ${id} ${about ?? ""}`);
  const [made] = useState(() => new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC");
  const error = pc.error ?? one.error;
  if (!pc.data || (about !== null && !one.data)) {
    const reload = pc.error ? pc.reload : one.reload;
    return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={10} />;
  }
  const url = location.origin + (about === null ? endpointUrl(id) : attemptUrl(id, about));
  const report = reportOf(lang, { detail: pc.data, attempt: about === null ? null : one.data, typed, url, made });
  const { endpoint } = pc.data;
  return (
    <>
      <div className="page-head no-print">
        <p className="trail">
          <Link href={endpointsUrl()}>{t.endpoints.title}</Link> <span aria-hidden="true">/</span>{" "}
          <Link href={endpointUrl(id)}>
            <LogText text={namesOf(endpoint.name, endpoint.host, id)[0]!} />
          </Link>
        </p>
      </div>
      <Inputs typed={typed} onChange={setTyped} report={report} />
      <Paper report={report} />
    </>
  );
}

/** What is typed, kept for as long as this tab is open. */
function useTyped(key: string): [Typed, (typed: Typed) => void] {
  const [typed, setTyped] = useState<Typed>(NOTHING_TYPED);
  useEffect(() => setTyped(restored(key)), [key]);
  const keep = (next: Typed) => {
    setTyped(next);
    try {
      sessionStorage.setItem(key, JSON.stringify(next));
    } catch {
      // Storage may be denied; what was typed then lasts as long as the page.
    }
  };
  return [typed, keep];
}

function restored(key: string): Typed {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key) ?? "{}") as Partial<Record<keyof Typed, unknown>>;
    const text = (name: keyof Typed) => (typeof kept[name] === "string" ? (kept[name] as string) : "");
    return {
      caseNumber: text("caseNumber"),
      customer: text("customer"),
      tried: text("tried"),
      outcome: text("outcome"),
    };
  } catch {
    return NOTHING_TYPED;
  }
}

function Inputs(props: { typed: Typed; onChange: (typed: Typed) => void; report: Report }) {
  const { lang, t } = useLang();
  const { typed, onChange, report } = props;
  const said = t.report;
  const line = (name: "caseNumber" | "customer") => (
    <label>
      <span>
        {said[name]} <small className="muted">{said.optional}</small>
      </span>
      <input
        type="text"
        value={typed[name]}
        maxLength={200}
        onChange={(event) => onChange({ ...typed, [name]: event.target.value })}
      />
    </label>
  );
  const lines = (name: "tried" | "outcome") => (
    <label>
      <span>
        {said[name]} <small className="muted">{said.optional}</small>
      </span>
      <textarea
        rows={3}
        value={typed[name]}
        maxLength={4_000}
        onChange={(event) => onChange({ ...typed, [name]: event.target.value })}
      />
    </label>
  );
  return (
    <Panel title={said.title} hint={said.hint} className="no-print report-inputs">
      <div className="report-fields">
        {line("caseNumber")}
        {line("customer")}
        {lines("tried")}
        {lines("outcome")}
      </div>
      <div className="case-buttons">
        <CopyButton text={toMarkdown(report)} label={said.copy} />
        <button
          type="button"
          className="button"
          onClick={() => save("case-report.md", "text/markdown", toMarkdown(report))}
        >
          {said.downloadMd}
        </button>
        <button
          type="button"
          className="button"
          onClick={() => save("case-report.html", "text/html", toHtml(report, lang))}
        >
          {said.downloadHtml}
        </button>
        <button type="button" className="button" onClick={() => print()}>
          {said.print}
        </button>
      </div>
    </Panel>
  );
}

/** Gives a file to the browser to save; nothing is sent anywhere. */
function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has taken it by the next turn.
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}

function Paper({ report }: { report: Report }) {
  return (
    <article className="paper panel">
      <h1>
        <LogText text={report.title} />
      </h1>
      {report.sections.map(({ title, blocks }) => (
        <section key={title} aria-label={title}>
          <h2>{title}</h2>
          {blocks.map((block, index) => (
            <BlockOf key={index} block={block} />
          ))}
        </section>
      ))}
      <footer className="muted">
        <p>{report.made}</p>
        <p className="wrap">{report.url}</p>
      </footer>
    </article>
  );
}

function BlockOf({ block }: { block: Block }) {
  switch (block.kind) {
    case "lead":
    case "text":
      return (
        <p className={block.kind}>
          <LogText text={block.text} />
        </p>
      );
    case "head":
      return <h3>{block.text}</h3>;
    case "facts":
      return (
        <dl className="paper-facts">
          {block.rows.map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd>
                <LogText text={value} />
              </dd>
            </div>
          ))}
        </dl>
      );
    case "list":
    case "steps": {
      const List = block.kind === "steps" ? "ol" : "ul";
      return (
        <List className={block.kind}>
          {block.items.map((item, index) => (
            <li key={index}>
              <LogText text={item} />
            </li>
          ))}
        </List>
      );
    }
    case "records":
      return (
        <ol className="paper-records">
          {block.items.map(({ head, text }, index) => (
            <li key={index}>
              <p>
                <LogText text={head} />
              </p>
              <p className="mono record-text">
                <LogText text={text} />
              </p>
            </li>
          ))}
        </ol>
      );
  }
}
