//! What rules count, asked of the store: the figures of the pages, and of its own state.

use crate::{
    message::Text,
    rule::{Figure, Rule, by_name},
    state::{Before, Now, Sample},
    text::CauseTitles,
};
use classify::Rules as Words;
use std::collections::{BTreeMap, btree_map::Entry};
use store::{
    AlertAnswer, AlertBaseline, AlertBy, AlertCause, AlertClock, AlertGroup, AlertMachines,
    AlertQuestion, AlertReached, AlertReport, CauseId, Day, Filter, Hearing, OpenNewsState, State,
    Store, StoreError, Trend,
};

/// What one rule counts.
pub(crate) type Counted = Result<Vec<Sample>, StoreError>;

/// Questions of one evaluation. What several rules need is asked once.
pub(crate) struct Asked<'a> {
    store: &'a Store,
    tenant: &'a str,
    now: Now,
    /// The last day that is looked at, where that is not today.
    to: Option<Day>,
    /// First and last day that are looked at, once they are known.
    days: Option<(Day, Day)>,
    words: &'a [&'a Words],
    causes: Option<BTreeMap<u64, AlertCause>>,
    trends: Option<BTreeMap<String, Trend>>,
    news: Option<OpenNewsState>,
    hearing: Option<Hearing>,
    titles: CauseTitles,
    baselines: Option<Baselines>,
    /// For how long nothing was evaluated.
    lag_s: f64,
}

/// What updates are compared with, as it was asked once.
pub(crate) struct Baselines {
    /// When.
    asked: Now,
    of_kb: BTreeMap<String, Option<AlertBaseline>>,
}

impl Baselines {
    /// Whether they still hold, and know of these updates.
    fn hold_for(&self, now: Now, kbs: &[&str]) -> bool {
        let day = |now: Now| now.logged.div_euclid(86_400);
        (0..BASELINES_MS).contains(&(now.utc_ms - self.asked.utc_ms))
            && day(now) == day(self.asked)
            && kbs.iter().all(|kb| self.of_kb.contains_key(*kb))
    }
}

/// How updates before went out changes little within a day, and is read of two months and more: it is asked once in so long.
const BASELINES_MS: i64 = 3_600_000;

/// Machines that send as one count for so long after two of them did, in seconds; their names are noted for good.
const CLONES_S: i64 = 7 * 86_400;

/// Gaps of so long count, of topics and of logs, in milliseconds; they are noted for good.
const GAPS_MS: i64 = 86_400_000;

/// Lost parts of so long count, in seconds.
const LOST_S: i64 = 7 * 86_400;

fn reached(rule: &Rule) -> AlertReached {
    AlertReached {
        at_least: rule.must_reach_anyhow(),
        // What is compared may have to reach less.
        share: match rule.baseline {
            Some(_) => 0.0,
            None => rule.threshold.share.unwrap_or_default(),
        },
    }
}

/// What is asked of the store for a rule.
fn machines<'r>(rule: &'r Rule, causes: Option<&'r [u64]>) -> AlertMachines<'r> {
    let narrow = &rule.narrow;
    let after_s = i64::try_from(narrow.after.as_secs()).unwrap_or(i64::MAX);
    AlertMachines {
        state: match rule.figure {
            Figure::Restart => State::Restart,
            _ => State::Failing,
        },
        by: &rule.group_by,
        kb: narrow.kb.as_deref(),
        except_kbs: &narrow.except_kbs,
        labels: &narrow.labels,
        causes,
        lasts: match (narrow.tries, narrow.after.is_zero()) {
            (0, true) => None,
            // Only how old it is counts.
            (0, false) => Some((u64::MAX, after_s)),
            // Only how often it failed counts.
            (tries, true) => Some((tries, i64::MAX)),
            (tries, false) => Some((tries, after_s)),
        },
        reached: reached(rule),
    }
}

impl<'a> Asked<'a> {
    /// Questions as of now. `words` say what causes are called, the first that knows one.
    pub(crate) fn new(
        store: &'a Store,
        tenant: &'a str,
        now: Now,
        lag_s: f64,
        words: &'a [&'a Words],
    ) -> Self {
        Self {
            store,
            tenant,
            now,
            to: None,
            days: None,
            words,
            causes: None,
            trends: None,
            news: None,
            hearing: None,
            titles: CauseTitles::new(),
            baselines: None,
            lag_s,
        }
    }

    /// With what an earlier evaluation asked updates to be compared with.
    #[must_use]
    pub(crate) fn knowing(mut self, baselines: Option<Baselines>) -> Self {
        self.baselines = baselines;
        self
    }

    /// The same as if a day were the last one.
    #[must_use]
    pub(crate) fn until(mut self, day: Day) -> Self {
        self.to = Some(day);
        self
    }

    /// What causes are called that were met, and what updates are compared with.
    pub(crate) fn into_known(self) -> (CauseTitles, Option<Baselines>) {
        (self.titles, self.baselines)
    }

    /// The days of the pages, which are asked for once.
    async fn filter(&mut self) -> Result<Filter, StoreError> {
        let filter = Filter {
            tenant: self.tenant.to_owned(),
            // As pages have it: a month up to the last day.
            from: self.to.map(|to| to.saturating_sub(29)),
            to: self.to,
            now: Some(event::LoggedAt(self.now.logged)),
            ..Filter::default()
        };
        if self.days.is_none() {
            self.days = self.store.shown_days(&filter).await?;
        }
        Ok(Filter {
            from: self.days.map(|(from, _)| from),
            to: self.days.map(|(_, to)| to),
            ..filter
        })
    }

    /// What some rules count now, each by its name. Of those that count what PCs tried one question is asked.
    pub(crate) async fn count<'r>(
        &mut self,
        rules: impl Iterator<Item = &'r Rule>,
    ) -> BTreeMap<String, Counted> {
        let (of_tries, others): (Vec<&Rule>, Vec<&Rule>) =
            rules.partition(|rule| rule.figure.is_of_tries());
        let mut all = BTreeMap::new();
        match self.tries(&of_tries).await {
            Ok(counted) => {
                for (name, samples) in counted {
                    all.insert(name, Ok(samples));
                }
            }
            Err(error) => {
                // Asked together they fail together, but one that cannot be asked must not silence the others.
                tracing::debug!(%error, "alert rules cannot be asked together, each is asked alone");
                for rule in of_tries {
                    let counted = self.tries(&[rule]).await;
                    let counted = counted.map(|mut of| of.remove(&rule.name).unwrap_or_default());
                    all.insert(rule.name.clone(), counted);
                }
            }
        }
        for rule in others {
            let counted = match rule.figure {
                Figure::Sql => self.question(rule).await,
                figure if figure.is_of_reports() => self.reports(rule).await,
                figure => self.own(figure).await.map(|value| {
                    vec![Sample {
                        value,
                        ..Sample::default()
                    }]
                }),
            };
            all.insert(rule.name.clone(), counted);
        }
        all
    }

    /// PCs by how they report.
    async fn reports(&mut self, rule: &Rule) -> Counted {
        let hearing = self.hearing().await?;
        let filter = Filter {
            labels: rule.narrow.labels.clone(),
            ..self.filter().await?
        };
        let report = match rule.figure {
            Figure::ClockAhead => AlertReport::ClockAhead,
            Figure::Gaps => AlertReport::LostSince(self.now.utc_ms - GAPS_MS),
            Figure::Clones => AlertReport::ClonedSince(self.now.logged - CLONES_S),
            _ => AlertReport::Silent,
        };
        let groups = self
            .store
            .alert_reporting(&filter, report, &rule.group_by, reached(rule), hearing)
            .await?;
        let groups = groups.into_iter();
        Ok(groups.map(|group| sample(rule, group, false)).collect())
    }

    /// What a question of the site's own answers.
    async fn question(&self, rule: &Rule) -> Counted {
        let by: Vec<&str> = rule.group_by.iter().map(by_name).collect();
        let asked = question(rule, &by, self.now);
        let answers = self.store.alert_question(self.tenant, asked).await?;
        let sample = |answer: AlertAnswer| Sample {
            labels: by
                .iter()
                .map(|name| (*name).to_owned())
                .zip(answer.key)
                .collect(),
            value: answer.value,
            pcs: answer.pcs,
            ..Sample::default()
        };
        Ok(answers.into_iter().map(sample).collect())
    }

    /// Figures of the store's own state.
    async fn own(&mut self, figure: Figure) -> Result<f64, StoreError> {
        Ok(match figure {
            Figure::NobodyHeard => self.hearing().await?.nobody_s as f64,
            Figure::PendingUnits => self.news().await?.units as f64,
            Figure::PendingSeconds => self.news().await?.oldest.as_secs() as f64,
            Figure::DeadLetters => self.store.open_dead_letters(self.tenant).await? as f64,
            Figure::DeadUnits => self.store.count_dead_units().await? as f64,
            Figure::TopicGaps => {
                let after = self.now.utc_ms - GAPS_MS;
                self.store.topic_gaps_noted_after(after).await? as f64
            }
            Figure::LostParts => {
                let parts = self.store.lost_parts().await?;
                let after = self.now.utc_ms.div_euclid(1_000) - LOST_S;
                // Of a part that only its finder knows nobody can say when it was lost.
                let is_recent = |at: u32| at == 0 || i64::from(at) > after;
                parts.iter().filter(|part| is_recent(part.at)).count() as f64
            }
            _ => self.lag_s,
        })
    }

    /// When logs arrived at all, asked once for all rules about who is silent.
    async fn hearing(&mut self) -> Result<Hearing, StoreError> {
        match self.hearing {
            Some(hearing) => Ok(hearing),
            None => {
                let now = self.now.utc_ms.div_euclid(1_000);
                let hearing = self.store.alert_hearing(self.tenant, now).await?;
                Ok(*self.hearing.insert(hearing))
            }
        }
    }

    /// What is left to derive: a question over all news, asked once for both of its figures.
    async fn news(&mut self) -> Result<OpenNewsState, StoreError> {
        match self.news {
            Some(news) => Ok(news),
            None => Ok(*self.news.insert(self.store.open_news_state().await?)),
        }
    }

    /// PCs by what they tried, for each rule.
    async fn tries(
        &mut self,
        rules: &[&Rule],
    ) -> Result<BTreeMap<String, Vec<Sample>>, StoreError> {
        let mut counted: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        let mut wanted: Vec<(&Rule, Option<Vec<u64>>)> = Vec::new();
        for rule in rules {
            counted.insert(rule.name.clone(), Vec::new());
            let causes = self.wanted(rule).await?;
            // By none of them a PC fails.
            if causes.as_ref().is_none_or(|causes| !causes.is_empty()) {
                wanted.push((rule, causes));
            }
        }
        let asked: Vec<AlertMachines<'_>> = wanted
            .iter()
            .map(|(rule, causes)| machines(rule, causes.as_deref()))
            .collect();
        let clock = match self.to {
            None => AlertClock::Utc,
            // Days that are looked back at are those of machines.
            Some(_) => AlertClock::Logged,
        };
        let filter = self.filter().await?;
        let all = self.store.alert_machines(&filter, clock, &asked).await?;
        for ((rule, _), groups) in wanted.iter().zip(all) {
            let mut samples = self.samples(rule, groups);
            if rule.baseline.is_some() {
                self.compare(rule, &mut samples).await?;
            }
            counted.insert(rule.name.clone(), samples);
        }
        Ok(counted)
    }

    /// Gives groups the update before theirs, where there is one. Where none reaches what it must in any case nothing is asked.
    async fn compare(&mut self, rule: &Rule, samples: &mut [Sample]) -> Result<(), StoreError> {
        let least = rule.must_reach_anyhow();
        let mut reach: Vec<&mut Sample> = samples
            .iter_mut()
            .filter(|sample| sample.value >= least)
            .collect();
        let kbs: Vec<&str> = reach.iter().filter_map(|sample| kb(sample)).collect();
        if kbs.is_empty() {
            return Ok(());
        }
        let known = self.baselines.take();
        let known = known.filter(|known| known.hold_for(self.now, &kbs));
        let known = match known {
            Some(known) => known,
            None => Baselines {
                asked: self.now,
                of_kb: {
                    let filter = self.filter().await?;
                    self.store.alert_baselines(&filter).await?
                },
            },
        };
        for sample in &mut reach {
            let before = kb(sample).and_then(|kb| known.of_kb.get(kb)?.as_ref());
            sample.before = before.map(|before| Before {
                kb: before.kb.clone(),
                share: before.failing as f64 / before.tried as f64,
            });
        }
        self.baselines = Some(known);
        Ok(())
    }

    /// Causes by which a PC must fail to be counted; none where any will do.
    async fn wanted(&mut self, rule: &Rule) -> Result<Option<Vec<u64>>, StoreError> {
        let narrow = &rule.narrow;
        let of_causes = !narrow.categories.is_empty() || !narrow.causes.is_empty();
        let is_of_trends = rule.figure.is_of_trends();
        if !of_causes && !is_of_trends && !rule.group_by.contains(&AlertBy::Cause) {
            return Ok(None);
        }
        let all = self.causes().await?;
        if !of_causes && !is_of_trends {
            return Ok(None);
        }
        let is_wanted = |cause: &&AlertCause| {
            (narrow.categories.is_empty() || narrow.categories.contains(&cause.category))
                && (narrow.causes.is_empty() || narrow.causes.contains(&cause_id(cause)))
        };
        let mut causes: Vec<(u64, String)> = all
            .values()
            .filter(is_wanted)
            .map(|cause| (cause.key, cause_id(cause)))
            .collect();
        if is_of_trends {
            let trend = match rule.figure {
                Figure::NewCause => Trend::New,
                _ => Trend::Back,
            };
            // How causes go on is the dearest question: it is asked only where one may be new or back on as many PCs as are asked for.
            causes.retain(|(key, _)| {
                let cause = all.get(key);
                cause.is_some_and(|cause| cause.of_a_day as f64 >= rule.threshold.at_least)
            });
            if causes.is_empty() {
                return Ok(Some(Vec::new()));
            }
            let trends = self.trends().await?;
            causes.retain(|(_, id)| trends.get(id) == Some(&trend));
        }
        Ok(Some(causes.into_iter().map(|(key, _)| key).collect()))
    }

    fn samples(&mut self, rule: &Rule, groups: Vec<AlertGroup>) -> Vec<Sample> {
        let at = rule.group_by.iter().position(|by| *by == AlertBy::Cause);
        let mut samples: BTreeMap<Vec<(String, String)>, Sample> = BTreeMap::new();
        for mut group in groups {
            if let Some(part) = at.and_then(|at| group.key.get_mut(at)) {
                // Of a cause that came between the two questions the next evaluation tells.
                let known = part.parse().ok();
                let known = known.and_then(|key: u64| self.causes.as_ref()?.get(&key));
                let Some(cause) = known.cloned() else {
                    continue;
                };
                *part = self.name(&cause);
            }
            let has_failed = rule.figure != Figure::Restart;
            let sample = sample(rule, group, has_failed);
            // One rule may have had two categories: pages tell its causes apart by rule and code alone.
            match samples.entry(sample.labels.clone()) {
                Entry::Vacant(place) => {
                    place.insert(sample);
                }
                Entry::Occupied(mut same) => {
                    let same = same.get_mut();
                    same.value += sample.value;
                    same.newest = same.newest.max(sample.newest);
                }
            }
        }
        samples.into_values().collect()
    }

    /// A cause's id, with its title remembered.
    fn name(&mut self, cause: &AlertCause) -> String {
        let id = cause_id(cause);
        if !self.titles.contains_key(&id) {
            let rule = self.words.iter().find_map(|words| words.get(&cause.rule));
            let title = classify::title(rule, "", cause.root_code);
            self.titles.insert(
                id.clone(),
                Text {
                    en: title.en,
                    zh: title.zh,
                },
            );
        }
        id
    }

    async fn causes(&mut self) -> Result<&BTreeMap<u64, AlertCause>, StoreError> {
        if self.causes.is_none() {
            let filter = self.filter().await?;
            let causes = self.store.alert_causes(&filter).await?;
            self.causes = Some(causes.into_iter().map(|cause| (cause.key, cause)).collect());
        }
        Ok(self.causes.get_or_insert_default())
    }

    async fn trends(&mut self) -> Result<&BTreeMap<String, Trend>, StoreError> {
        if self.trends.is_none() {
            let filter = self.filter().await?;
            let trends = self.store.alert_trends(&filter).await?;
            let trends = trends.into_iter();
            self.trends = Some(
                trends
                    .map(|(cause, trend)| (cause.id().to_string(), trend))
                    .collect(),
            );
        }
        Ok(self.trends.get_or_insert_default())
    }
}

fn question<'q>(rule: &'q Rule, by: &'q [&'q str], now: Now) -> AlertQuestion<'q> {
    AlertQuestion {
        sql: &rule.sql,
        by,
        now: now.utc_ms.div_euclid(1_000),
    }
}

/// Whether the store can answer a rule's own question.
pub(crate) async fn check(store: &Store, rule: &Rule) -> Result<(), StoreError> {
    let by: Vec<&str> = rule.group_by.iter().map(by_name).collect();
    let asked = question(rule, &by, Now::at(0));
    store.check_alert_question("", asked).await.map(drop)
}

fn cause_id(cause: &AlertCause) -> String {
    CauseId::of(&cause.rule, &cause.category, cause.root_code).to_string()
}

fn sample(rule: &Rule, group: AlertGroup, has_failed: bool) -> Sample {
    let names = rule.group_by.iter().map(|by| by_name(by).to_owned());
    Sample {
        labels: names.zip(group.key).collect(),
        value: group.machines as f64,
        of: (group.of > 0).then_some(group.of as f64),
        newest: has_failed.then_some(group.newest),
        pcs: group.first,
        before: None,
    }
}

/// The update that a sample counts.
fn kb(sample: &Sample) -> Option<&str> {
    let kb = sample.labels.iter().find(|(name, _)| name == "kb");
    kb.map(|(_, kb)| kb.as_str())
}

/// Whether a rule's figure is asked of the whole fleet: where something was derived, and else by the clock.
pub(crate) fn is_of_fleet(rule: &Rule) -> bool {
    rule.figure.is_of_tries() || is_slow(rule)
}

/// Whether it goes by days, so that it is asked by the clock alone, whatever was derived.
pub(crate) fn is_slow(rule: &Rule) -> bool {
    rule.figure.is_of_trends()
        || rule.figure.is_of_reports()
        || matches!(rule.figure, Figure::NobodyHeard | Figure::Sql)
}

/// Groups with something counted, and those that go on, each with what is counted of it: what an evaluation looks at.
pub(crate) fn groups<'a>(
    samples: &'a [Sample],
    open: impl Iterator<Item = &'a Vec<(String, String)>>,
) -> BTreeMap<&'a Vec<(String, String)>, Option<&'a Sample>> {
    let mut groups: BTreeMap<_, _> = open.map(|labels| (labels, None)).collect();
    groups.extend(samples.iter().map(|sample| (&sample.labels, Some(sample))));
    groups
}
