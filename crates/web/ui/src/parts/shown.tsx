// The first rows of a list, and the button that shows the others.

import type { ReactNode } from "react";
import { useLang } from "../i18n";
import { useKept } from "../nav";

/** Rows of a list at first: the whole page is to be read at a glance; the rest is a click away. */
const SHOWN = 8;

/** `list` names it among the lists of its page: going back finds open what was opened. */
export function useShown(list: string): { shown: <T>(rows: T[]) => T[]; more: (rows: unknown[]) => ReactNode } {
  const { t } = useLang();
  const [all, setAll] = useKept(`all of ${list}`, false);
  return {
    shown: (rows) => (all ? rows : rows.slice(0, SHOWN)),
    more: (rows) =>
      !all &&
      rows.length > SHOWN && (
        <button type="button" className="button wide-button" onClick={() => setAll(true)}>
          {t.endpoint.more(rows.length - SHOWN)}
        </button>
      ),
  };
}
