// What there is to say of a PC, as a word with a shape of its own: a colour is never the only sign.

import { useLang, word } from "../i18n";

export function PcStateBadge({ state }: { state: string }) {
  const { t } = useLang();
  return (
    <span className={`pc-state ${state}`}>
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <g transform="translate(6 6)">
          <Shape state={state} />
        </g>
      </svg>
      {word(t.states, state)}
    </span>
  );
}

function Shape({ state }: { state: string }) {
  switch (state) {
    case "failing":
      return <path d="M-4-4l8 8M4-4l-8 8" className="glyph failed" />;
    case "restart":
      return <path d="M0-4.5l4.5 4.5L0 4.5-4.5 0z" className="glyph pending_reboot" />;
    case "installed":
      return <circle r={4} className="glyph succeeded" />;
    case "recovered":
      return <path d="M-4.5 0l3 3.2L4.5-3.5" className="glyph recovered" />;
    case "not_tried":
      return <path d="M-4 0h8" className="glyph" />;
    default:
      return <circle r={3.5} className="glyph" />;
  }
}
