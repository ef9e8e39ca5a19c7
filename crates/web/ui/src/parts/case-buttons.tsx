// What leaves the page with a case: words for the ticket, words for the user, the report.

import { useState } from "react";
import { type Ticket, tellUser, ticketText } from "../case";
import { LANGS, MESSAGES, tagOf, useLang } from "../i18n";
import { Link } from "../nav";
import { reportUrl } from "../url";
import { LogText } from "./log-text";
import { CopyButton } from "./small";

export function CaseButtons(props: { id: string; ticket: Ticket; category: string | null; tell: boolean }) {
  const { lang, t } = useLang();
  const [telling, setTelling] = useState(false);
  const { id, ticket, category } = props;
  const kb = ticket.attempt?.kb || ticket.finding?.kb || "";
  return (
    <div className="case">
      <div className="case-buttons">
        <Link className="button" href={reportUrl(id, ticket.attempt?.id ?? null)}>
          {t.pc.report}
        </Link>
        <CopyButton text={ticketText(lang, ticket)} label={t.pc.copyTicket} />
        {/* Of what is over or went well there is nothing to tell. */}
        {props.tell && (
          <button type="button" className="button" aria-expanded={telling} onClick={() => setTelling(!telling)}>
            {t.pc.tellUser}
          </button>
        )}
      </div>
      {props.tell && telling && (
        <section className="tell" aria-label={t.pc.tellUser}>
          <p className="muted">{t.pc.tellHint}</p>
          {/* The user may read another language than the engineer. */}
          {[lang, ...LANGS.filter((other) => other !== lang)].map((each) => (
            <div key={each} lang={tagOf(each)}>
              <p>
                <LogText text={tellUser(each, kb, category)} />
              </p>
              <CopyButton text={tellUser(each, kb, category)} label={MESSAGES[each].pc.copyText} />
            </div>
          ))}
        </section>
      )}
    </div>
  );
}
