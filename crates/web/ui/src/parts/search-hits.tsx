// One thing that a search found, in a line.

import { useLang } from "../i18n";
import { middle } from "../format";
import type { Hit } from "../search";
import { LogText } from "./log-text";

export function HitLine({ hit }: { hit: Hit }) {
  const { t } = useLang();
  const figure =
    hit.pcs === null
      ? ""
      : hit.failing === null
        ? t.overview.endpointsCount(hit.pcs)
        : t.search.failingOf(hit.failing, hit.pcs);
  return (
    <span className="hit">
      <span className={hit.kind === "causes" ? "hit-text" : "hit-text mono"}>
        <LogText text={middle(hit.text, 96)} />
      </span>
      {hit.more && (
        <small className="muted clip">
          <LogText text={hit.more} />
        </small>
      )}
      {figure && <small className="muted hit-figure">{figure}</small>}
    </span>
  );
}
