// Figures together with what they are to the address: dimmed while they are another one's, or older than asked for.

import type { ReactNode } from "react";
import { clock } from "../format";
import { useLang } from "../i18n";
import type { Loaded } from "../load";
import { Failure } from "./states";

/** What is drawn from an answer. The style sheet dims it within 150 ms, so that a quick answer does not blink. */
export function Held({ loaded, children }: { loaded: Pick<Loaded<unknown>, "standing">; children: ReactNode }) {
  return (
    <div className={`held ${loaded.standing}`} aria-busy={loaded.standing === "other"}>
      {children}
    </div>
  );
}

/** Above what is held: a line while newer figures are on their way, or since when there are none, and why. */
export function Standing({ loaded }: { loaded: Loaded<unknown> }) {
  const { t } = useLang();
  if (loaded.standing === "other") {
    return (
      <div className="progress" role="status">
        <span className="sr">{t.common.loading}</span>
      </div>
    );
  }
  if (loaded.standing === "current" || loaded.at === null || !loaded.error) return null;
  return (
    <p className="as-of" role="status">
      <strong>{t.common.asOf(clock(loaded.at, Date.now()))}</strong> <Failure error={loaded.error} />
    </p>
  );
}
