// The one way for strangers' text onto a page: names, paths, objects, records, addresses.

import { Fragment } from "react";
import { useLang } from "../i18n";
import { pieces, written } from "../visible";

/** Marks drawn as such in one text; of a text that is full of them the rest is written plainly, so that it cannot fill the page. */
const DRAWN = 100;

/** The text of a record, or that the reader's role does not show it. */
export function RecordText({ text }: { text: string | null }) {
  const { t } = useLang();
  return text === null ? <span className="muted">{t.roles.withheld}</span> : <LogText text={text} />;
}

/**
 * A text as text, with a mark for every character that has no shape or would turn the line round.
 *
 * It stands for itself, so that right-to-left letters in it move nothing beside it, and reads from the left as the logs of
 * Windows do, whatever letter it begins with.
 */
export function LogText({ text }: { text: string }) {
  const { t } = useLang();
  const parts = pieces(text);
  const only = parts[0];
  if (parts.length <= 1 && (only === undefined || typeof only === "string")) {
    return ASCII.test(text) ? text : <bdi dir="ltr">{text}</bdi>;
  }
  let drawn = 0;
  return (
    <bdi dir="ltr">
      {parts.map((part, index) => {
        if (typeof part === "string") return <Fragment key={index}>{part}</Fragment>;
        drawn += 1;
        const label = t.marks[part.kind](part.name);
        return drawn > DRAWN ? (
          <Fragment key={index}>{written(part)}</Fragment>
        ) : (
          <span key={index} className="mark" role="img" aria-label={label} title={label}>
            {written(part)}
          </span>
        );
      })}
    </bdi>
  );
}

/** Text that nothing in it can turn. */
const ASCII = /^[\x20-\x7e\t\n]*$/;
