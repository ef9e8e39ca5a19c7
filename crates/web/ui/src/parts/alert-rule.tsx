// What the page shows as a rule of alerts, to copy.

import { type Subject, alertRule } from "../alert-rule";
import { useLang } from "../i18n";
import type { Filters } from "../url";
import { LogText } from "./log-text";
import { CopyButton } from "./small";

export function AlertRule({ subject, filters }: { subject: Subject; filters: Filters }) {
  const { lang, t } = useLang();
  const { yaml, leftOut } = alertRule(subject, filters);
  const left = leftOut.map((what) => t.alertRule.leftOut[what]);
  return (
    <details className="figures as-rule">
      <summary>{t.alertRule.title}</summary>
      <p className="muted">{t.alertRule.hint}</p>
      {left.length > 0 && <p className="muted">{t.alertRule.without(left.join(lang === "zh" ? "、" : ", "))}</p>}
      <pre className="mono scroll" tabIndex={0}>
        <LogText text={yaml} />
      </pre>
      <CopyButton text={yaml} label={t.alertRule.copy} />
    </details>
  );
}
