// What concerns cbsift itself, in one line below what concerns the fleet.

import type { Overview } from "../api";
import { bytes, count } from "../format";
import { useLang } from "../i18n";
import type { Filters } from "../url";

export function Foot({ data, asked }: { data: Overview; asked: Filters }) {
  const { lang, t } = useLang();
  const { totals, disk } = data;
  const used = bytes(lang, disk.used_bytes);
  const parts = [
    totals.events === null || totals.noise === null
      ? t.labels.notCounted
      : t.overview.events(count(lang, totals.events), count(lang, totals.noise)),
    ...(totals.raw_bytes === null ? [] : [t.overview.raw(bytes(lang, totals.raw_bytes))]),
    ...(ofAllUpdates(asked) ? [t.overview.allUpdates] : []),
    disk.max_bytes > 0 ? t.overview.disk(used, bytes(lang, disk.max_bytes)) : t.overview.diskUnbound(used),
  ];
  return <p className="foot muted">{t.overview.held(parts.join(" · "))}</p>;
}

/** Records belong to no update and no cause: their counts are narrowed by the other filters alone. */
export function ofAllUpdates(filters: Filters): boolean {
  return Boolean(filters.kb || filters.category || filters.cause);
}
