// An update by what became of the PCs that tried it; attempts are a second figure, as ten PCs that retry daily drown a rollout.

import type { Kb, UpdateRow } from "../api";
import { count } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { type Piece, piecesOf } from "../updates";
import { type Filters, type ListState, endpointsUrl, updateUrl } from "../url";
import { LogText } from "./log-text";

const PIECES: Piece[] = ["installed", "restart", "failing", "other"];

/** Updates in the order given. Each leads to its page, and each number to the list of the PCs that it counts. */
export function UpdateRows({ updates, filters }: { updates: (Kb | UpdateRow)[]; filters: Filters }) {
  return (
    <>
      <Legend />
      <ol className="kbs">
        {updates.map((kb) => (
          <Row key={kb.kb} kb={kb} filters={filters} />
        ))}
      </ol>
    </>
  );
}

export function Legend({ notTried }: { notTried?: boolean }) {
  const { t } = useLang();
  return (
    <ul className="legend" aria-hidden="true">
      {PIECES.map((piece) => (
        <li key={piece}>
          <span className={`swatch piece ${piece}`} /> {piece === "other" ? t.overview.other : t.states[piece]}
        </li>
      ))}
      {notTried && (
        <li>
          <span className="swatch piece not_tried" /> {t.states.not_tried}
        </li>
      )}
    </ul>
  );
}

export function PieceBar({ pieces }: { pieces: { piece: string; pcs: number }[] }) {
  const whole = Math.max(
    1,
    pieces.reduce((sum, { pcs }) => sum + pcs, 0),
  );
  return (
    <span className="pieces" aria-hidden="true">
      {pieces.map(({ piece, pcs }) => (
        <span key={piece} className={`piece ${piece}`} style={{ width: `${(pcs / whole) * 100}%` }} />
      ))}
    </span>
  );
}

function Row({ kb, filters }: { kb: Kb | UpdateRow; filters: Filters }) {
  const { lang, t } = useLang();
  const list = (state: ListState | null) => endpointsUrl({ filters: { ...filters, kb: kb.kb }, state });
  const pieces = piecesOf(kb);
  return (
    <li>
      <Link href={updateUrl(kb.kb, filters)} className="mono">
        <LogText text={kb.kb} />
      </Link>
      <PieceBar pieces={pieces} />
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
        {"first" in kb && kb.first && (
          <span className="muted mono">{t.overview.firstLast(kb.first, kb.last ?? kb.first)}</span>
        )}
        {"title" in kb && kb.title && (
          <span className="muted">
            <LogText text={kb.title} />
          </span>
        )}
      </span>
    </li>
  );
}
