//! What rules count, asked of the store: the figures of the pages, and of its own state.

use crate::{
    message::Text,
    rule::{Figure, Rule, by_name},
    state::{Now, Sample},
    text::CauseTitles,
};
use classify::Rules as Words;
use std::collections::BTreeMap;
use store::{
    AlertBy, AlertCause, AlertGroup, AlertMachines, AlertReached, CauseId, Day, Filter,
    OpenNewsState, State, Store, StoreError, Trend,
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
    words: &'a [&'a Words],
    causes: Option<BTreeMap<u64, AlertCause>>,
    trends: Option<BTreeMap<String, Trend>>,
    news: Option<OpenNewsState>,
    titles: CauseTitles,
    /// For how long nothing was evaluated.
    lag_s: f64,
}

/// Topics' gaps of so long count, in milliseconds; they are noted for good.
const GAPS_MS: i64 = 86_400_000;

/// Lost parts of so long count, in seconds.
const LOST_S: i64 = 7 * 86_400;

fn reached(rule: &Rule) -> AlertReached {
    AlertReached {
        at_least: rule.threshold.at_least,
        share: rule.threshold.share.unwrap_or_default(),
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
            words,
            causes: None,
            trends: None,
            news: None,
            titles: CauseTitles::new(),
            lag_s,
        }
    }

    /// The same as if a day were the last one.
    #[must_use]
    pub(crate) fn until(mut self, day: Day) -> Self {
        self.to = Some(day);
        self
    }

    /// What causes are called that were met.
    pub(crate) fn into_titles(self) -> CauseTitles {
        self.titles
    }

    fn filter(&self) -> Filter {
        Filter {
            tenant: self.tenant.to_owned(),
            // As pages have it: a month up to the last day.
            from: self.to.map(|to| to.saturating_sub(29)),
            to: self.to,
            now: Some(event::LoggedAt(self.now.logged)),
            ..Filter::default()
        }
    }

    /// What a rule counts now.
    pub(crate) async fn count(&mut self, rule: &Rule) -> Counted {
        let filter = Filter {
            kb: rule.narrow.kb.clone(),
            labels: rule.narrow.labels.clone(),
            ..self.filter()
        };
        match rule.figure {
            Figure::Failing | Figure::Restart | Figure::NewCause | Figure::CauseBack => {
                self.tries(rule, &filter).await
            }
            Figure::Silent | Figure::ClockAhead => {
                let is_ahead = rule.figure == Figure::ClockAhead;
                let groups = self
                    .store
                    .alert_reporting(&filter, is_ahead, &rule.group_by, reached(rule))
                    .await?;
                Ok(groups
                    .into_iter()
                    .map(|group| sample(rule, group, false))
                    .collect())
            }
            _ => {
                let value = self.own(rule.figure).await?;
                Ok(vec![Sample {
                    value,
                    ..Sample::default()
                }])
            }
        }
    }

    /// Figures of the store's own state.
    async fn own(&mut self, figure: Figure) -> Result<f64, StoreError> {
        Ok(match figure {
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

    /// What is left to derive: a question over all news, asked once for both of its figures.
    async fn news(&mut self) -> Result<OpenNewsState, StoreError> {
        match self.news {
            Some(news) => Ok(news),
            None => Ok(*self.news.insert(self.store.open_news_state().await?)),
        }
    }

    /// PCs by what they tried.
    async fn tries(&mut self, rule: &Rule, filter: &Filter) -> Counted {
        let narrow = &rule.narrow;
        let by_cause = rule.group_by.contains(&AlertBy::Cause);
        let of_causes = !narrow.categories.is_empty() || !narrow.causes.is_empty();
        let is_of_trends = rule.figure.is_of_trends();
        let mut wanted: Option<Vec<u64>> = None;
        if by_cause || of_causes {
            let all = self.causes().await?;
            let is_wanted = |cause: &&AlertCause| {
                let id = cause_id(cause);
                (narrow.categories.is_empty() || narrow.categories.contains(&cause.category))
                    && (narrow.causes.is_empty() || narrow.causes.contains(&id))
            };
            let mut causes: Vec<AlertCause> = all.values().filter(is_wanted).cloned().collect();
            if is_of_trends {
                let trend = match rule.figure {
                    Figure::NewCause => Trend::New,
                    _ => Trend::Back,
                };
                let trends = self.trends().await?;
                causes.retain(|cause| trends.get(&cause_id(cause)) == Some(&trend));
            }
            if causes.is_empty() && (of_causes || is_of_trends) {
                return Ok(Vec::new());
            }
            wanted =
                (of_causes || is_of_trends).then(|| causes.iter().map(|cause| cause.key).collect());
        }
        let groups = self
            .store
            .alert_machines(&AlertMachines {
                filter,
                state: match rule.figure {
                    Figure::Restart => State::Restart,
                    _ => State::Failing,
                },
                by: &rule.group_by,
                causes: wanted.as_deref(),
                except_kbs: &narrow.except_kbs,
                tries: match (narrow.tries, narrow.after.is_zero()) {
                    (0, true) => 0,
                    // Only how old it is counts.
                    (0, false) => u64::MAX,
                    (tries, _) => tries,
                },
                after_s: match narrow.after.is_zero() {
                    // Only how often it failed counts.
                    true if narrow.tries > 0 => i64::MAX / 4,
                    _ => narrow.after.as_secs() as i64,
                },
                reached: reached(rule),
            })
            .await?;
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
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(sample);
                }
                std::collections::btree_map::Entry::Occupied(mut same) => {
                    let same = same.get_mut();
                    same.value += sample.value;
                    same.newest = same.newest.max(sample.newest);
                }
            }
        }
        Ok(samples.into_values().collect())
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
            let causes = self.store.alert_causes(&self.filter()).await?;
            self.causes = Some(causes.into_iter().map(|cause| (cause.key, cause)).collect());
        }
        Ok(self.causes.get_or_insert_default())
    }

    async fn trends(&mut self) -> Result<&BTreeMap<String, Trend>, StoreError> {
        if self.trends.is_none() {
            let trends = self.store.alert_trends(&self.filter()).await?;
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
    }
}

/// Whether a rule's figure is asked of what was derived, and stays while nothing is.
pub(crate) fn is_of_fleet(rule: &Rule) -> bool {
    rule.figure.is_of_tries() || rule.figure.is_of_reports()
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
