// Labels of endpoints: what a page is narrowed and grouped by. Where no endpoint has one, nothing of it is shown.

import { type Label, type LabelList, useApi } from "../api";
import { count } from "../format";
import { useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { withLabel } from "../url";
import { visible } from "../visible";
import { LogText } from "./log-text";

/** Labels are set by a command: a page that is open shows new ones within this time. */
const POLL_MS = 30_000;

/** A choice for each label, and a chip for each that is chosen; `by` adds the choice of what to group by. */
export function LabelFilter(props: {
  labels: string[];
  href: (labels: string[]) => string;
  by?: { label: string | undefined; href: (label: string | undefined) => string };
}) {
  const { lang, t } = useLang();
  const { data } = useApi<LabelList>("/api/v1/labels", () => POLL_MS);
  const offered = data?.labels ?? [];
  const { labels, href, by } = props;
  const chosen = (label: string) => labels.find((other) => other.startsWith(`${label}:`))?.slice(label.length + 1);
  return (
    <>
      {offered.map(({ label, values }) => (
        <label key={label} className="day">
          <span>{labelName(t.labels.names, label)}</span>
          <select
            value={chosen(label) ?? ""}
            onChange={(event) => go(href(withLabel(labels, label, event.target.value)), { keepScroll: true })}
          >
            <option value="">{t.labels.any}</option>
            {values.map(({ value, endpoints }) => (
              <option key={value} value={value}>
                {visible(value)} ({count(lang, endpoints)})
              </option>
            ))}
            {chosen(label) !== undefined && !values.some(({ value }) => value === chosen(label)) && (
              <option value={chosen(label)}>{visible(chosen(label)!)}</option>
            )}
          </select>
        </label>
      ))}
      {by && offered.length > 0 && (
        <label className="day">
          <span>{t.labels.by}</span>
          <select
            value={by.label ?? ""}
            onChange={(event) => go(by.href(event.target.value || undefined), { keepScroll: true })}
          >
            <option value="">{t.labels.nothing}</option>
            {offered.map(({ label }) => (
              <option key={label} value={label}>
                {labelName(t.labels.names, label)}
              </option>
            ))}
          </select>
        </label>
      )}
      {labels.map((text) => {
        const at = text.indexOf(":");
        const [label, value] = [text.slice(0, at), text.slice(at + 1)];
        const name = labelName(t.labels.names, label);
        return (
          <Link
            key={text}
            className="chip"
            href={href(labels.filter((other) => other !== text))}
            keepScroll
            aria-label={t.overview.remove(`${name} ${visible(value)}`)}
          >
            <span className="muted">{name}</span> <LogText text={value} /> <span aria-hidden="true">×</span>
          </Link>
        );
      })}
    </>
  );
}

/** Labels in one line. */
export function LabelLine({ labels }: { labels: Label[] }) {
  const { t } = useLang();
  return (
    <>
      {labels.map(({ label, value }) => (
        <span key={label} className="label">
          <span className="muted">{labelName(t.labels.names, label)}</span> <LogText text={value} />
        </span>
      ))}
    </>
  );
}

/** Ours have a word in each language, others are what they are. */
export function labelName(names: Record<string, string>, label: string): string {
  return word(names, label);
}
