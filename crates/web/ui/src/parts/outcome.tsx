// How an attempt ended: shape and colour both tell it.

import { useLang, word } from "../i18n";

export function Outcome({ outcome }: { outcome: string }) {
  const { t } = useLang();
  return (
    <span className={`outcome ${outcome}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <Glyph outcome={outcome} x={6} y={6} />
      </svg>
      {word(t.outcomes, outcome)}
    </span>
  );
}

export function Glyph({ outcome, x, y }: { outcome: string; x: number; y: number }) {
  const at = `translate(${x} ${y})`;
  switch (outcome) {
    case "succeeded":
      return <circle r={4} transform={at} className="glyph succeeded" />;
    case "failed":
    case "rolled_back":
      return <path d="M-4-4l8 8M4-4l-8 8" transform={at} className={`glyph ${outcome}`} />;
    case "pending_reboot":
      return <path d="M0-4.5l4.5 4.5L0 4.5-4.5 0z" transform={at} className="glyph pending_reboot" />;
    default:
      return <circle r={3.5} transform={at} className="glyph unknown" />;
  }
}
