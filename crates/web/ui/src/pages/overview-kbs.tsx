// Updates by what became of the PCs that tried them; attempts are a second figure, as ten PCs that retry daily drown a rollout.

import type { Kb, Overview } from "../api";
import { count } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { LogText } from "../parts/log-text";
import { useShown } from "../parts/shown";
import { Empty, Panel } from "../parts/states";
import { type Piece, piecesOf } from "../updates";
import { type Filters, type ListState, endpointsUrl, overviewUrl, toggled } from "../url";

const PIECES: Piece[] = ["installed", "restart", "failing", "other"];

export function Kbs({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  const { shown, more } = useShown();
  const cut = data.kbs_total > data.kbs.length ? ` · ${t.overview.cut(data.kbs.length, data.kbs_total)}` : "";
  return (
    <Panel title={t.overview.kbs} hint={t.overview.kbsHint + cut} className="kbs-panel">
      {data.kbs.length === 0 ? (
        <Empty text={t.overview.noKbs} />
      ) : (
        <>
          <ul className="legend" aria-hidden="true">
            {PIECES.map((piece) => (
              <li key={piece}>
                <span className={`swatch piece ${piece}`} /> {piece === "other" ? t.overview.other : t.states[piece]}
              </li>
            ))}
          </ul>
          <ol className="kbs">
            {shown(data.kbs).map((kb) => (
              <Row key={kb.kb} kb={kb} filters={filters} />
            ))}
          </ol>
        </>
      )}
      {more(data.kbs)}
    </Panel>
  );
}

function Row({ kb, filters }: { kb: Kb; filters: Filters }) {
  const { lang, t } = useLang();
  const list = (state: ListState | null) => endpointsUrl({ filters: { ...filters, kb: kb.kb }, state });
  const pieces = piecesOf(kb);
  const whole = Math.max(
    1,
    pieces.reduce((sum, { pcs }) => sum + pcs, 0),
  );
  return (
    <li>
      <Link
        href={overviewUrl(toggled(filters, "kb", kb.kb))}
        keepScroll
        className="mono"
        aria-current={filters.kb === kb.kb ? "true" : undefined}
      >
        <LogText text={kb.kb} />
      </Link>
      <span className="pieces" aria-hidden="true">
        {pieces.map(({ piece, pcs }) => (
          <span key={piece} className={`piece ${piece}`} style={{ width: `${(pcs / whole) * 100}%` }} />
        ))}
      </span>
      <Link href={list(null)} className="tried">
        {t.overview.endpointsCount(kb.tried)}
      </Link>
      <span className="kb-figures">
        {pieces.map(({ piece, pcs }) =>
          piece === "other" ? (
            <span key={piece} className="muted">
              {t.overview.other} {count(lang, pcs)}
            </span>
          ) : (
            <Link key={piece} href={list(piece)} className={piece === "failing" ? "bad" : "plain"}>
              {t.states[piece]} {count(lang, pcs)}
            </Link>
          ),
        )}
        <span className="muted">{t.overview.kbAttempts(kb.failed, kb.succeeded)}</span>
      </span>
    </li>
  );
}
