// Who did what, the newest first.

import type { Audit, AuditRow } from "../api";
import { stamp } from "../format";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { RowsTable } from "../parts/rows-table";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { auditUrl } from "../url";

export function AuditPage({ after }: { after: string }) {
  const { t } = useLang();
  const loaded = useApi<Audit>(`/api/v1${auditUrl(after)}`);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  return (
    <Panel title={t.nav.audit} hint={t.audit.hint}>
      {data.rows.length === 0 ? <Empty text={t.audit.none} /> : <Rows rows={data.rows} />}
      <nav className="pager" aria-label={t.pager.label(t.nav.audit)}>
        {after !== "" && (
          <Link className="button" href={auditUrl()}>
            ← {t.audit.newest}
          </Link>
        )}
        {data.next !== null && (
          <Link className="button" href={auditUrl(data.next)}>
            {t.audit.older} →
          </Link>
        )}
      </nav>
    </Panel>
  );
}

function Rows({ rows }: { rows: AuditRow[] }) {
  const { t } = useLang();
  const heads = [t.audit.when, t.audit.who, t.audit.action, t.audit.object, t.audit.before, t.audit.after];
  const cells = (row: AuditRow) => [
    stamp(row.at),
    row.actor,
    row.action,
    row.object,
    written(row.before),
    written(row.after),
  ];
  return <RowsTable title={t.nav.audit} head={heads} rows={rows.map(cells)} />;
}

/** What was JSON when it was written; a text that was none stands as it is. */
const written = (value: unknown): string =>
  value === null ? "" : typeof value === "string" ? value : JSON.stringify(value);
