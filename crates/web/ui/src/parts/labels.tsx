// Labels of endpoints: what a page is narrowed and grouped by. Where no endpoint has one, nothing of it is shown.

import { Fragment, type ReactNode } from "react";
import type { Label, LabelList } from "../api";
import { count } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { Link, go } from "../nav";
import { type Filters, labelOf, without, withLabel } from "../url";
import { visible } from "../visible";
import { LogText } from "./log-text";

/** Labels are set by a command: an overview that is open offers new ones within this time. */
const POLL_MS = 30_000;

interface Props {
  filters: Filters;
  /** The same page with other filters. */
  href: (filters: Filters) => string;
}

/** A choice for each label, and where the page can be grouped, of what to group by. */
export function LabelChoices({ filters, href, grouped }: Props & { grouped: boolean }) {
  const { lang, t } = useLang();
  const { data } = useApi<LabelList>("/api/v1/labels", () => (grouped ? POLL_MS : null));
  const offered = data?.labels ?? [];
  const chosen = new Map((filters.labels ?? []).map(labelOf));
  return (
    <>
      {offered.map(({ label, values }) => {
        const value = chosen.get(label) ?? "";
        return (
          <Choice
            key={label}
            title={word(t.labels.names, label)}
            value={value}
            onChange={(next) => go(href(withLabel(filters, label, next)), { keepScroll: true })}
          >
            <option value="">{t.labels.any}</option>
            {values.map((each) => (
              <option key={each.value} value={each.value}>
                {visible(each.value)} ({count(lang, each.endpoints)})
              </option>
            ))}
            {value && !values.some((each) => each.value === value) && <option value={value}>{visible(value)}</option>}
          </Choice>
        );
      })}
      {grouped && offered.length > 0 && (
        <Choice
          title={t.labels.by}
          value={filters.by ?? ""}
          onChange={(by) => go(href(by ? { ...filters, by } : without(filters, "by")), { keepScroll: true })}
        >
          <option value="">{t.labels.nothing}</option>
          {offered.map(({ label }) => (
            <option key={label} value={label}>
              {word(t.labels.names, label)}
            </option>
          ))}
        </Choice>
      )}
    </>
  );
}

function Choice(props: { title: string; value: string; onChange: (value: string) => void; children: ReactNode }) {
  return (
    <label className="day">
      <span>{props.title}</span>
      <select value={props.value} onChange={(event) => props.onChange(event.target.value)}>
        {props.children}
      </select>
    </label>
  );
}

/** A chip for each label in the address, also where no endpoint has it. */
export function LabelChips({ filters, href }: Props) {
  const { t } = useLang();
  return (
    <>
      {(filters.labels ?? []).map((text) => {
        const [label, value] = labelOf(text);
        const name = word(t.labels.names, label);
        const labels = filters.labels!.filter((other) => other !== text);
        return (
          <Link
            key={text}
            className="chip"
            href={href(labels.length > 0 ? { ...filters, labels } : without(filters, "labels"))}
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
      {labels.map(({ label, value }, at) => (
        <Fragment key={label}>
          {at > 0 && " "}
          <span className="label">
            <span className="muted">{word(t.labels.names, label)}</span> <LogText text={value} />
          </span>
        </Fragment>
      ))}
    </>
  );
}
