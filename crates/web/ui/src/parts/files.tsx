// A list as files to take home: the whole of it, with the filter that the page has.

import { useLang } from "../i18n";

const ENDINGS = ["csv", "ndjson"] as const;

/** `path` is the list's own below `/api/v1`, without its ending; `query` narrows it as it does the page. */
export function Files({ path, query = "" }: { path: string; query?: string }) {
  const { t } = useLang();
  return (
    <span className="files">
      {ENDINGS.map((ending) => (
        <a key={ending} href={fileUrl(path, ending, query)} download title={t.files.hint}>
          <span className="sr">{t.files.download} </span>
          {ending.toUpperCase()}
        </a>
      ))}
    </span>
  );
}

export const fileUrl = (path: string, ending: (typeof ENDINGS)[number], query = "") =>
  `/api/v1/${path}.${ending}${query}`;
