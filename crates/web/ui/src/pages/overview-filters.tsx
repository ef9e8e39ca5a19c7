// The days, and a chip for every filter in the address.

import type { Overview } from "../api";
import { addDays, daysBetween } from "../format";
import { type Messages, useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { LabelFilter } from "../parts/labels";
import { LogText } from "../parts/log-text";
import { FILTER_KEYS, type Filters, overviewUrl } from "../url";
import { visible } from "../visible";

/** 30 is what the server shows without being asked. */
const PRESETS = [1, 7, 30, 90];
const DEFAULT_DAYS = 30;

/** The filters without some keys. */
export function without(filters: Filters, ...keys: (keyof Filters)[]): Filters {
  const rest = { ...filters };
  for (const key of keys) delete rest[key];
  return rest;
}

export function FilterBar({ filters, range }: { filters: Filters; range: Overview["range"] }) {
  const { t } = useLang();
  const shown = daysBetween(range.from, range.to);
  const preset = (days: number): Filters =>
    days === DEFAULT_DAYS && !filters.to
      ? without(filters, "from", "to")
      : { ...filters, from: addDays(range.to, 1 - days), to: range.to };
  const setDay = (key: "from" | "to", day: string) => {
    if (!day) return;
    const next: Filters = { ...filters, from: range.from, to: range.to, [key]: day };
    // A range the wrong way round becomes the day just chosen.
    if (next.from! > next.to!) next.from = next.to = day;
    go(overviewUrl(next), { keepScroll: true });
  };
  const chips = FILTER_KEYS.filter((key) => key !== "from" && key !== "to" && filters[key]);
  return (
    <div className="filters" role="group" aria-label={t.overview.filters}>
      {range.from && (
        <>
          <div className="presets" role="group" aria-label={t.overview.range}>
            {PRESETS.map((days) => (
              <Link
                key={days}
                href={overviewUrl(preset(days))}
                keepScroll
                title={t.overview.daysLong(days)}
                aria-current={shown === days ? "true" : undefined}
              >
                {t.overview.days(days)}
              </Link>
            ))}
          </div>
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
      {chips.map((key) => {
        const value = label(t, key, filters[key]!);
        return (
          <Link
            key={key}
            className="chip"
            href={overviewUrl(without(filters, key))}
            keepScroll
            aria-label={t.overview.remove(`${t.overview.filter[key]} ${visible(value)}`)}
          >
            <span className="muted">{t.overview.filter[key]}</span> <LogText text={value} />{" "}
            <span aria-hidden="true">×</span>
          </Link>
        );
      })}
      <LabelFilter
        labels={filters.labels ?? []}
        href={(labels) => overviewUrl(labels.length > 0 ? { ...filters, labels } : without(filters, "labels"))}
        by={{
          label: filters.by,
          href: (by) => overviewUrl(by ? { ...filters, by } : without(filters, "by")),
        }}
      />
      {Object.keys(filters).length > 0 && (
        <Link className="plain" href={overviewUrl()} keepScroll>
          {t.overview.clear}
        </Link>
      )}
    </div>
  );
}

function label(t: Messages, key: keyof Filters, value: string): string {
  return key === "category" ? word(t.categories, value) : value;
}
