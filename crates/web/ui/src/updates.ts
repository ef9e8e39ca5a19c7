// An update's PCs as the pieces of a bar. Pure.

import type { Funnel, Kb } from "./api";

export type Piece = "installed" | "restart" | "failing" | "other";

/** Every PC that tried is in one piece; those that recovered or have a later update instead are among the installed. */
export function piecesOf(kb: Kb | Funnel): { piece: Piece; pcs: number }[] {
  const { installed, restart, failing } = kb;
  const other = Math.max(0, kb.tried - installed - restart - failing);
  const pieces: { piece: Piece; pcs: number }[] = [
    { piece: "installed", pcs: installed },
    { piece: "restart", pcs: restart },
    { piece: "failing", pcs: failing },
    { piece: "other", pcs: other },
  ];
  return pieces.filter(({ pcs }) => pcs > 0);
}
