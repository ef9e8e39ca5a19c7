// What to do about a cause, a step a line, each copied by itself: a command in prose is mistyped.

import { steps } from "../case";
import { useLang } from "../i18n";
import { LogText } from "./log-text";
import { Copy } from "./small";

export function Advice({ text, level = 4 }: { text: string; level?: 3 | 4 }) {
  const Title = `h${level}` as const;
  const { t } = useLang();
  const title = t.endpoint.advice;
  const all = steps(text);
  if (all.length === 0) return null;
  const step = (each: string) => (
    <>
      <LogText text={each} /> <Copy text={each} label={`${t.common.copy} ${title}`} />
    </>
  );
  return (
    <section className="advice" aria-label={title}>
      <Title>{title}</Title>
      {all.length === 1 ? (
        <p>{step(all[0]!)}</p>
      ) : (
        <ol>
          {all.map((each, index) => (
            <li key={index}>{step(each)}</li>
          ))}
        </ol>
      )}
    </section>
  );
}
