// What a machine is: its id, the names it had, its labels, its build and its clock.

import type { EndpointDetail } from "../api";
import { stamp } from "../format";
import { useLang, word } from "../i18n";
import { HeldList } from "../parts/held-times";
import { LabelLine } from "../parts/labels";
import { LogText } from "../parts/log-text";
import { Copy } from "../parts/small";
import { Panel } from "../parts/states";

/** Names of a machine that are shown: one is usual, and a copied disk has two. */
const HOSTS_SHOWN = 4;

export function Facts({ data }: { data: EndpointDetail }) {
  const { t } = useLang();
  const { endpoint } = data;
  const unknown = <span className="muted">{t.common.unknown}</span>;
  const offset = endpoint.utc_offset;
  return (
    <Panel title={t.endpoint.facts}>
      <dl className="facts">
        <div>
          <dt>{t.endpoint.id}</dt>
          <dd className="mono wrap">
            <LogText text={endpoint.id} /> <Copy text={endpoint.id} label={`${t.common.copy} ${t.endpoint.id}`} />
          </dd>
        </div>
        <Hosts endpoint={endpoint} />
        {endpoint.labels.length > 0 && (
          <div>
            <dt>{t.labels.labels}</dt>
            <dd className="labels">
              <LabelLine labels={endpoint.labels} />
            </dd>
          </div>
        )}
        {endpoint.contact && (
          <div>
            <dt>{t.labels.contact}</dt>
            <dd className="mono">
              {stamp(endpoint.contact)} <small className="muted">{t.common.utc}</small>
            </dd>
          </div>
        )}
        <div>
          <dt>{t.endpoint.build}</dt>
          <dd className="mono">{endpoint.build ? <LogText text={endpoint.build} /> : unknown}</dd>
        </div>
        <div>
          <dt>{t.endpoint.stack}</dt>
          <dd className="mono wrap">
            {endpoint.servicing_stack ? <LogText text={endpoint.servicing_stack} /> : unknown}
          </dd>
        </div>
        <div>
          <dt>{t.endpoint.offset}</dt>
          <dd>
            {offset ? (
              <>
                <span className="mono">{offset.offset}</span> <small className="muted">{word(t.how, offset.how)}</small>
              </>
            ) : (
              <span className="muted">{t.endpoint.offsetUnknown}</span>
            )}
          </dd>
        </div>
        <div>
          <dt>{t.endpoint.span}</dt>
          <dd>{data.held ? <HeldList held={data.held} /> : unknown}</dd>
        </div>
      </dl>
    </Panel>
  );
}

/** The names that logs and enrolments tell, with the time between which each was seen; else the one that is known. */
function Hosts({ endpoint }: { endpoint: EndpointDetail["endpoint"] }) {
  const { t } = useLang();
  const known = endpoint.host ? [{ host: endpoint.host, machine_guid: null, first: null, last: null }] : [];
  const hosts = endpoint.hosts.length > 0 ? endpoint.hosts : known;
  if (hosts.length === 0) return null;
  return (
    <div>
      <dt>{t.labels.host}</dt>
      <dd className="hosts">
        {hosts.slice(0, HOSTS_SHOWN).map(({ host, machine_guid: guid, first, last }) => (
          <p key={`${host} ${guid}`}>
            <span className="mono wrap">
              <LogText text={host} />
            </span>
            {(first || last) && (
              <small className="muted mono">{first === last ? first : `${first ?? "–"} – ${last ?? "–"}`}</small>
            )}
            {guid && (
              <small className="muted mono wrap">
                MachineGuid <LogText text={guid} />
              </small>
            )}
          </p>
        ))}
        {hosts.length > HOSTS_SHOWN && <p className="muted">{t.labels.moreHosts(hosts.length - HOSTS_SHOWN)}</p>}
      </dd>
    </div>
  );
}
