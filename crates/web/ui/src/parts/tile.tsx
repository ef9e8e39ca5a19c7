// A figure with a word for it, and the list of what it counts behind it.

import { count } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";

export function Tile(props: {
  title: string;
  value: number;
  tone: string;
  /** Nothing where no list holds exactly these. */
  href: string | null;
  notes: string[];
}) {
  const { lang } = useLang();
  const figure = count(lang, props.value);
  return (
    <div className={props.tone}>
      <dt>{props.title}</dt>
      <dd>
        {props.href === null ? <span>{figure}</span> : <Link href={props.href}>{figure}</Link>}
        <small>{props.notes.join(" · ")}</small>
      </dd>
    </div>
  );
}
