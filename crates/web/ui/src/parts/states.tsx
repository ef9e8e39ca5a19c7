// Panels, and what they show when there is nothing to show: loading, empty, failed.

import type { ReactNode } from "react";

import { type Messages, useLang, word } from "../i18n";
import type { ApiError } from "../load";
import { LogText } from "./log-text";

const FORBIDDEN = 403;

/** A titled part of a page. `aside` stands at the right of the title. */
export function Panel(props: {
  title: string;
  hint?: ReactNode;
  aside?: ReactNode;
  className?: string;
  id?: string;
  children: ReactNode;
}) {
  return (
    <section className={`panel ${props.className ?? ""}`} aria-label={props.title} id={props.id}>
      <header>
        <h2>{props.title}</h2>
        {props.hint && <p className="hint">{props.hint}</p>}
        {props.aside && <div className="aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** A page-sized message. */
export function Note(props: { title: string; text?: string | undefined; tone?: "bad"; children?: ReactNode }) {
  return (
    <div className={`note ${props.tone ?? ""}`}>
      <h1>{props.title}</h1>
      {props.text && (
        <p>
          <LogText text={props.text} />
        </p>
      )}
      {props.children}
    </div>
  );
}

/** A panel-sized message. */
export function Empty({ text }: { text: string }) {
  return <p className="empty">{text}</p>;
}

/** A page's first load: the shape of what comes, without figures. */
export function Skeleton({ lines = 6 }: { lines?: number }) {
  const { t } = useLang();
  return (
    <div className="skeleton" role="status">
      <span className="sr">{t.common.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} className={`bone bone-${line % 4}`} />
      ))}
    </div>
  );
}

/** Who may see what the reader may not. */
export const forbiddenText = (t: Messages, roles: readonly string[]): string =>
  t.roles.may(roles.map((role) => word(t.roles.names, role)).join(t.roles.and));

/** A failed request in a sentence. */
export function Failure({ error }: { error: ApiError }) {
  const { t } = useLang();
  if (error.status === FORBIDDEN) return t.roles.refused;
  return error.status === 0 ? t.error.unreachable : <LogText text={error.message} />;
}

/** A request that failed, in the server's own words where it has some. */
export function Failed({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const { t } = useLang();
  // A role is nothing to try again about.
  if (error.status === FORBIDDEN && error.roles.length > 0)
    return <Note title={t.roles.refused} text={forbiddenText(t, error.roles)} />;
  const unreachable = error.status === 0;
  const title = unreachable ? t.error.unreachable : error.status === 404 ? t.error.gone : t.error.title;
  return (
    <div role="alert">
      <Note title={title} text={unreachable ? t.error.unreachableHint : error.message} tone="bad">
        {error.hint && (
          <p>
            {t.common.hint} <LogText text={error.hint} />
          </p>
        )}
        <button type="button" className="button" onClick={onRetry}>
          {t.common.retry}
        </button>
      </Note>
    </div>
  );
}
