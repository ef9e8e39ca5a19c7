// The days, and a chip for every filter in the address: the same on every page that is narrowed by them.

import type { DayRange } from "../api";
import { addDays, daysBetween, patchTuesday } from "../format";
import { type Messages, useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { FILTER_KEYS, type FilterKey, type Filters, without } from "../url";
import { visible } from "../visible";
import { LabelChips, LabelChoices } from "./labels";
import { LogText } from "./log-text";

/** 30 is what the server shows without being asked. */
const PRESETS = [1, 7, 30, 90];
const DEFAULT_DAYS = 30;

export function FilterBar(props: {
  filters: Filters;
  /** Nothing where no answer has come, or there is no data. */
  range: DayRange | null | undefined;
  /** Where the server does not tell it, it is this machine's. */
  today?: string;
  /** The same page with other filters. */
  href: (filters: Filters) => string;
  /** The title of the cause that the filter names, where an answer told it. */
  causeTitle?: string | undefined;
  /** The page can be grouped by a label. */
  grouped?: boolean;
}) {
  const { t } = useLang();
  const { filters, href } = props;
  // An empty store has days without a name.
  const range = props.range?.from ? props.range : null;
  const setDay = (key: "from" | "to", day: string) => {
    if (!day || range === null) return;
    const next: Filters = { ...filters, from: range.from, to: range.to, [key]: day };
    // A range the wrong way round becomes the day just chosen.
    if (next.from! > next.to!) next.from = next.to = day;
    go(href(next), { keepScroll: true });
  };
  const chips = FILTER_KEYS.filter((key) => key !== "from" && key !== "to" && filters[key]);
  return (
    <div className="filters" role="group" aria-label={t.overview.filters}>
      {range && (
        <>
          <Presets
            filters={filters}
            range={range}
            today={props.today ?? new Date().toISOString().slice(0, 10)}
            href={href}
          />
          <label className="day">
            <span>{t.overview.from}</span>
            <input
              type="date"
              value={range.from}
              max={range.to}
              onChange={(event) => setDay("from", event.target.value)}
            />
          </label>
          <label className="day">
            <span>{t.overview.to}</span>
            <input
              type="date"
              value={range.to}
              min={range.from}
              onChange={(event) => setDay("to", event.target.value)}
            />
          </label>
        </>
      )}
      <LabelChoices filters={filters} href={href} grouped={props.grouped ?? false} />
      {chips.map((key) => {
        const value = filterLabel(t, key, filters[key]!, props.causeTitle);
        return (
          <Link
            key={key}
            className="chip"
            href={href(without(filters, key))}
            keepScroll
            aria-label={t.overview.remove(`${t.overview.filter[key]} ${visible(value)}`)}
          >
            <span className="muted">{t.overview.filter[key]}</span> <LogText text={value} />{" "}
            <span aria-hidden="true">×</span>
          </Link>
        );
      })}
      <LabelChips filters={filters} href={href} />
      {Object.keys(filters).length > 0 && (
        <Link className="plain" href={href({})} keepScroll>
          {t.overview.clear}
        </Link>
      )}
    </div>
  );
}

function Presets(props: { filters: Filters; range: DayRange; today: string; href: (filters: Filters) => string }) {
  const { filters, range, href } = props;
  const { t } = useLang();
  const shown = daysBetween(range.from, range.to);
  const since = patchTuesday(range.to);
  const patchDays = daysBetween(since, range.to);
  const preset = (days: number): Filters =>
    days === DEFAULT_DAYS && !filters.to
      ? without(filters, "from", "to")
      : { ...filters, from: addDays(range.to, 1 - days), to: range.to };
  const endsToday = range.to >= props.today;
  const all = [
    ...PRESETS.map((days) => ({
      days,
      text: days === 1 && endsToday ? t.overview.today : t.overview.days(days),
      title: t.overview.daysLong(days),
    })),
    ...(PRESETS.includes(patchDays)
      ? []
      : [{ days: patchDays, text: t.overview.patchTuesday(since.slice(5)), title: t.overview.patchTuesday(since) }]),
  ];
  return (
    <div className="presets" role="group" aria-label={t.overview.range}>
      {all.map(({ days, text, title }) => (
        <Link
          key={days}
          href={href(preset(days))}
          keepScroll
          title={title}
          aria-current={shown === days ? "true" : undefined}
        >
          {text}
        </Link>
      ))}
    </div>
  );
}

/** A filter's value as people read it. */
export function filterLabel(t: Messages, key: FilterKey, value: string, causeTitle?: string): string {
  if (key === "category") return word(t.categories, value);
  if (key !== "cause") return value;
  if (causeTitle) return causeTitle;
  const [name = "", code = ""] = value.split("~");
  return [word(t.categories, name), code].filter(Boolean).join(" ");
}
