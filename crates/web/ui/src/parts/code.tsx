// A code wherever it appears: a link to its page that says what it means on hover and on focus.

import { Fragment, useEffect, useReducer, useState, useSyncExternalStore } from "react";
import { createPortal } from "react-dom";
import type { CodeDetail } from "../api";
import { useLang } from "../i18n";
import { get } from "../load";
import { Link } from "../nav";
import { codeUrl } from "../url";

interface Tip {
  code: string;
  anchor: HTMLElement;
}

// One tip at a time on the page, kept outside React so that a thousand codes cost nothing.
let tip: Tip | null = null;
const listeners = new Set<() => void>();
const setTip = (next: Tip | null) => {
  tip = next;
  for (const listener of listeners) listener();
};

const TIP_ID = "code-tip";

export function Code({ code, name, children }: { code: string; name?: string | null; children?: string }) {
  const show = (target: HTMLElement) => setTip({ code, anchor: target });
  const hide = () => setTip(null);
  return (
    <Link
      href={codeUrl(code)}
      className={children === undefined ? "code" : "code in-text"}
      aria-describedby={TIP_ID}
      onMouseEnter={(event) => show(event.currentTarget)}
      onMouseLeave={hide}
      onFocus={(event) => show(event.currentTarget)}
      onBlur={hide}
      onClick={hide}
    >
      {children ?? (
        <>
          <span className="hex">{code}</span>
          {name && <Symbol name={name} />}
        </>
      )}
    </Link>
  );
}

/** A name that may break after its underscores, and only there. */
function Symbol({ name }: { name: string }) {
  return (
    <span className="symbol">
      {name.split(/(?<=_)/).map((part, index) => (
        <Fragment key={index}>
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </span>
  );
}

const details = new Map<string, Promise<CodeDetail>>();
/** A page stays open for days; more codes than these are not gone back to. */
const DETAILS_MAX = 200;

function detailOf(code: string): Promise<CodeDetail> {
  const known = details.get(code);
  if (known) return known;
  const asked = get<CodeDetail>(`/api/v1/codes/${encodeURIComponent(code)}`);
  asked.catch(() => details.delete(code));
  details.set(code, asked);
  if (details.size > DETAILS_MAX) details.delete(details.keys().next().value as string);
  return asked;
}

/** Where the tip is drawn: once per page, above everything. */
export function TipLayer() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => tip,
  );
  const { lang, t } = useLang();
  const [detail, setDetail] = useState<CodeDetail | null>(null);
  // Focus by keyboard scrolls the page: the tip follows its code rather than vanish.
  const [, moved] = useReducer((times: number) => times + 1, 0);

  useEffect(() => {
    setDetail(null);
    if (!shown) return;
    let current = true;
    detailOf(shown.code).then(
      (found) => current && setDetail(found),
      () => undefined,
    );
    const dismiss = (event: Event) => {
      if ((event as KeyboardEvent).key === "Escape") setTip(null);
    };
    addEventListener("keydown", dismiss);
    addEventListener("scroll", moved, { passive: true });
    return () => {
      current = false;
      removeEventListener("keydown", dismiss);
      removeEventListener("scroll", moved);
    };
  }, [shown]);

  if (!shown) return <div id={TIP_ID} role="tooltip" hidden />;
  const place = shown.anchor.getBoundingClientRect();
  const below = place.bottom + 160 < innerHeight;
  return createPortal(
    <div
      id={TIP_ID}
      role="tooltip"
      className="tip"
      style={{
        left: Math.max(8, Math.min(place.left, innerWidth - 348)),
        ...(below ? { top: place.bottom + 6 } : { bottom: innerHeight - place.top + 6 }),
      }}
    >
      <p className="tip-code">
        {shown.code} {detail && <span>{t.spaces[detail.space as keyof typeof t.spaces] ?? detail.space}</span>}
      </p>
      {detail ? (
        <>
          {detail.names.length > 0 && <p className="tip-names">{detail.names.join(", ")}</p>}
          <p>{detail.meaning?.[lang] ?? t.code.noMeaning}</p>
          {detail.equivalents.length > 0 && (
            <p className="tip-equals">
              ={" "}
              {detail.equivalents
                .slice(0, 4)
                .map((each) => each.code)
                .join(", ")}
            </p>
          )}
        </>
      ) : (
        <p>{t.code.loadingTip}…</p>
      )}
    </div>,
    document.body,
  );
}
