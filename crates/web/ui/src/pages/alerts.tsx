// What fires, what did, and the rules that decide it. Each leads to the page that it is about.

import type { Alert, AlertRule, Alerts } from "../api";
import { count, stamp } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Files } from "../parts/files";
import { Held, Standing } from "../parts/held";
import { LabelLine } from "../parts/labels";
import { LogText } from "../parts/log-text";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { isOwn } from "../url";

const POLL_MS = 10_000;

export function AlertsPage() {
  const { t } = useLang();
  const loaded = useApi<Alerts>("/api/v1/alerts", () => POLL_MS);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const firing = data.firing.filter(({ state }) => state === "firing").length;
  const when = data.evaluated && stamp(data.evaluated);
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <div className={`headline ${firing > 0 ? "bad" : data.evaluated ? "good" : "neutral"}`}>
          <h1>{t.alerts.headline(firing)}</h1>
          <p>
            <span className="muted">{when ? t.alerts.evaluated(when) : t.alerts.never}</span>
          </p>
        </div>
        {!data.configured && (
          <p className="as-of" role="status">
            <strong>{t.common.both(t.alerts.notConfigured, "")}</strong> {t.alerts.notConfiguredHint}
          </p>
        )}
        <Panel title={t.alerts.firing}>
          {data.firing.length === 0 && <Empty text={t.alerts.headline(0)} />}
          <List alerts={data.firing} />
        </Panel>
        <Rules rules={data.rules} />
        <Panel title={t.alerts.history} aside={<Files path="alerts" />}>
          {data.history.length === 0 && <Empty text={t.alerts.noHistory} />}
          <List alerts={data.history} />
        </Panel>
      </Held>
    </>
  );
}

function List({ alerts }: { alerts: (Alert & { resolved?: string | null })[] }) {
  const { lang, t } = useLang();
  const time = (at: string | null | undefined) => (at ? stamp(at) : t.common.unknown);
  return (
    <ul className="alerts">
      {alerts.map((alert) => (
        <li key={`${alert.id} ${alert.since}`}>
          <p className="cause-head">
            <span className={`tag ${alert.severity === "critical" ? "bad" : ""}`}>
              {word(t.severities, alert.severity)}
            </span>
            <Target page={alert.page}>
              <LogText text={alert.title[lang]} />
            </Target>
          </p>
          <p className="cause-facts">
            {!alert.resolved && <span>{word(t.alerts.states, alert.state)}</span>}
            <span>
              <span className="muted">{t.alerts.since}</span> <span className="mono">{time(alert.since)}</span>
            </span>
            {alert.resolved && (
              <span>
                <span className="muted">{t.alerts.resolved}</span> <span className="mono">{time(alert.resolved)}</span>
              </span>
            )}
            {alert.value !== null && (
              <span>
                <span className="muted">{t.alerts.value}</span> {count(lang, alert.value)}
              </span>
            )}
            <LabelLine labels={Object.entries(alert.labels).map(([label, value]) => ({ label, value }))} />
          </p>
          {alert.deliveries.length > 0 && (
            <p className="muted deliveries">
              {alert.deliveries.map(({ receiver, at, ok, error }) => (
                <span key={`${receiver} ${at}`} className={ok ? undefined : "bad"}>
                  <LogText text={receiver} /> <span className="mono">{time(at)}</span>{" "}
                  {ok ? t.alerts.told : <LogText text={t.alerts.toldFailed(error ?? "")} />}
                </span>
              ))}
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

/** Only an address of ours is a link: a page is named by the server, but its parts come from logs. */
function Target({ page, children }: { page: string; children: React.ReactNode }) {
  if (!isOwn(page)) return <b>{children}</b>;
  return (
    <Link href={page} className="cause-title">
      {children}
    </Link>
  );
}

function Rules({ rules }: { rules: AlertRule[] }) {
  const { lang, t } = useLang();
  const figure = (value: number | null) => (value === null ? "–" : count(lang, value));
  return (
    <Panel title={t.alerts.rules}>
      {rules.length === 0 ? (
        <Empty text={t.alerts.noRules} />
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label={t.alerts.rules}>
          <table className="grid">
            <caption className="sr">{t.alerts.rules}</caption>
            <thead>
              <tr>
                <th scope="col">{t.alerts.rule}</th>
                <th scope="col">{t.alerts.state}</th>
                <th scope="col">{t.alerts.severity}</th>
                <th scope="col" className="num">
                  {t.alerts.value}
                </th>
                <th scope="col" className="num">
                  {t.alerts.threshold}
                </th>
                <th scope="col" className="num">
                  {t.alerts.groups}
                </th>
              </tr>
            </thead>
            <tbody>
              {rules.map((rule) => (
                <tr key={rule.name}>
                  <th scope="row">
                    <LogText text={rule.title[lang]} />
                    <small className="muted">
                      <LogText text={rule.about[lang]} />
                    </small>
                    {rule.error && (
                      <small className="bad">
                        <LogText text={rule.error} />
                      </small>
                    )}
                  </th>
                  <td className={rule.state === "firing" || rule.state === "error" ? "bad" : undefined}>
                    {word(t.alerts.states, rule.state)}
                  </td>
                  <td>{word(t.severities, rule.severity)}</td>
                  <td className="num">{figure(rule.value)}</td>
                  <td className="num">{figure(rule.threshold)}</td>
                  <td className="num">{count(lang, rule.groups)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
