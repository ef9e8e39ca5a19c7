// The header's word on cbsift itself: when the last log came, and a dot where something is wrong.

import type { Status } from "../api";
import { duration } from "../format";
import { useLang } from "../i18n";
import type { Loaded } from "../load";
import { healthOf } from "../status";

export function StatusLine({ loaded }: { loaded: Loaded<Status> }) {
  const { lang, t } = useLang();
  const { data, error } = loaded;
  if (!data && !error) return <p className="status" />;
  const { tone, trouble, ageMs } = healthOf(data, error?.status !== 0, Date.now());
  const none = data?.last_log === null ? t.status.noLog : null;
  const last = ageMs === null ? none : t.status.lastLog(duration(lang, ageMs, 1));
  const said = {
    unreachable: t.status.unreachable,
    disk: t.status.diskFull,
    behind: t.status.behind(duration(lang, (data?.oldest_pending_s ?? 0) * 1_000, 1)),
    quiet: null,
  };
  return (
    <p className={`status ${tone}`} title={trouble === "behind" ? t.status.behindHint : undefined}>
      {trouble !== null && <span className="dot" />}
      {/* How far it is behind changes with every poll, which nobody wants read out. */}
      {trouble !== null && said[trouble] && (
        <span role={trouble === "behind" ? undefined : "status"}>{said[trouble]}</span>
      )}
      {trouble !== "unreachable" && last && <span className="last-log">{last}</span>}
    </p>
  );
}
