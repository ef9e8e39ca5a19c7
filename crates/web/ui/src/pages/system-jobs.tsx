// Jobs that classify again what is stored: who asked for which, what each changes, and how far it is.

import type { Job } from "../api";
import { count, percent, stamp } from "../format";
import { type Messages, useLang, word } from "../i18n";
import { LogText } from "../parts/log-text";
import { Empty, Panel } from "../parts/states";

export function Jobs({ jobs }: { jobs: Job[] }) {
  const { lang, t } = useLang();
  const title = t.jobs.title;
  return (
    <Panel title={title} hint={t.jobs.hint}>
      {jobs.length === 0 ? (
        <Empty text={t.system.nothing} />
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label={title}>
          <table className="grid">
            <caption className="sr">{title}</caption>
            <thead>
              <tr>
                {[t.system.when, t.jobs.job, t.jobs.by, t.jobs.state, t.jobs.which, t.jobs.rules, t.jobs.changes].map(
                  (head) => (
                    <th key={head} scope="col">
                      {head}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {jobs.map((job) => (
                <tr key={job.id}>
                  <td className="mono nowrap">{stamp(job.changed)}</td>
                  <th scope="row" className="mono">
                    <LogText text={job.id} />
                    {job.undoes && (
                      <small className="muted">
                        <LogText text={t.jobs.undoes(job.undoes)} />
                      </small>
                    )}
                  </th>
                  <td className="wrap">
                    <LogText text={job.actor} />
                  </td>
                  <td>
                    {word(t.jobs.states, job.state)}
                    {job.progress && job.state === "applying" && (
                      <small className="muted">
                        {word(t.jobs.phases, job.progress.phase)} ·{" "}
                        {t.jobs.done(percent(lang, job.progress.bytes, job.progress.bytes_total))}
                      </small>
                    )}
                  </td>
                  <td className="wrap">
                    <LogText
                      text={[
                        job.label ?? (job.endpoints === null ? t.jobs.all : t.jobs.pcs(job.endpoints)),
                        t.jobs.days(job.from, job.to),
                        ...job.sources.map((source) => word(t.sources, source)),
                      ].join(" · ")}
                    />
                  </td>
                  <td>
                    {job.rule_set === null ? t.jobs.against(job.base) : t.jobs.ruleSet(job.rule_set, job.base)}
                    <small className="mono muted">
                      <LogText text={job.digest.slice(0, 16)} />
                    </small>
                  </td>
                  <td className="wrap">{changesOf(job.changes, t, (value) => count(lang, value))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** In words: so many records more, so many findings fewer, in so many months. */
export function changesOf(changes: Job["changes"], t: Messages, figure: (value: number) => string): string {
  if (changes === null) return t.jobs.noted;
  const told = (what: string, counts: Record<string, number>) =>
    Object.entries(counts)
      .filter(([, value]) => value > 0)
      .map(([change, value]) => {
        const words = t.jobs.change[change] ?? ((said, of) => `${said} ${of}: ${change}`);
        return words(figure(value), what);
      });
  const all = [...told(t.jobs.events, changes.events), ...told(t.jobs.findings, changes.findings)];
  if (changes.units > 0) all.push(t.jobs.units(changes.units));
  return all.length > 0 ? all.join(" · ") : t.jobs.nothing;
}
