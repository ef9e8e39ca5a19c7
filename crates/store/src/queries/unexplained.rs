//! Failures that no rule names: the causes of that category, with records to write a rule from.

use super::{
    Day, Filter,
    causes::{Cause, CauseCounts, by_cause},
    endpoints::{BUILD, machines},
    states::States,
    told::{FINDINGS, Told},
    tries::{Narrow, Try, Word, Words},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{Code, EventId, LoggedAt};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Clusters of an answer.
const CLUSTERS: usize = 30;

/// Records shown of each.
const SAMPLES: u64 = 3;

/// Builds and updates told of each.
const NAMES: usize = 20;

/// The category of what no rule names.
const UNEXPLAINED: &str = "unclassified";

/// How far a try may reach beyond the day of what it failed by.
const TRY_DAYS: Day = event::Day::HORIZON as Day + 3;

/// Failures that no rule names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unexplained {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Failed attempts of the days.
    pub failed: u64,
    /// Those of them that no rule names.
    pub unexplained: u64,
    /// Those of most machines.
    pub clusters: Vec<UnexplainedCluster>,
    /// How many there are.
    pub total: u64,
    /// Failed attempts of all of them, and repeats of findings that stand alone.
    pub count: u64,
}

/// Failures that no rule names and that have their code in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexplainedCluster {
    /// As in the list of causes, without how it goes on.
    pub cause: Cause,
    /// Windows builds of its machines; some of them.
    pub builds: Vec<String>,
    /// Its updates; some of them.
    pub kbs: Vec<String>,
    /// The latest records that show it.
    pub samples: Vec<UnexplainedSample>,
}

/// A record that shows a failure which no rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnexplainedSample {
    /// Whose.
    pub endpoint: String,
    /// The attempt that failed by it; none where it stands for itself.
    pub attempt: Option<EventId>,
    /// When, as logged.
    pub logged: Option<LoggedAt>,
    /// The component that it names, or empty.
    pub component: String,
    /// The record's text, cut at a bound.
    pub text: String,
}

#[derive(Row, Deserialize)]
struct PlaceRow {
    rule: String,
    root: u32,
    endpoint: String,
    day: Day,
    set: u64,
    ordinal: u32,
}

#[derive(Row, Deserialize)]
struct TextRow {
    set: u64,
    ordinal: u32,
    logged: Option<LoggedAt>,
    component: String,
    text: String,
}

impl Store {
    /// What failed in the filter's days and no rule names.
    pub async fn unexplained(&self, filter: &Filter) -> Result<Unexplained> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Unexplained::default());
        };
        let narrow = Filter {
            category: Some(UNEXPLAINED.to_owned()),
            ..filter.clone()
        };
        let all = self.told(filter, from, to).await?;
        let told = self.told(&narrow, from, to).await?;
        let (narrow, mut words) = (Narrow::of(&told), Words::default());
        let every = Narrow::of(&all);
        let (mut failed, mut unexplained) = (0, 0);
        let (mut counts, mut found) = (CauseCounts::default(), Vec::new());
        let machines = self.each_machine(&told, &mut words, |words, machine| {
            let tries = || machine.tries.iter().filter(|tried| tried.has_failed());
            let asked = |narrow: &Narrow<'_>| {
                let is_asked =
                    |tried: &&Try| narrow.is_asked(words, tried.kb, tried.cause, tried.terminal);
                tries().filter(is_asked).count() as u64
            };
            failed += asked(&every);
            unexplained += asked(&narrow);
            let causes = by_cause(&narrow, words, machine);
            counts.add(&causes);
            for (&cause, of_cause) in &causes {
                let kbs: BTreeSet<Word> = of_cause.failed().map(|failed| failed.kb).collect();
                found.push((cause, machine.endpoint.to_owned(), kbs));
            }
        });
        let ((), builds, places) =
            tokio::try_join!(machines, self.builds_of(&told), self.latest_places(&told))?;
        let total = counts.total();
        let mut causes = counts.ranked(&words, &States::default(), told.now());
        causes.truncate(CLUSTERS);
        let key = |cause: &Cause| (cause.rule.clone(), cause.root_code.map_or(0, Code::value));
        let shown: BTreeSet<(String, u32)> = causes.iter().map(key).collect();
        let places = places.into_iter();
        let places: Vec<PlaceRow> = places
            .filter(|place| shown.contains(&(place.rule.clone(), place.root)))
            .collect();
        let mut samples = self.samples(told.tenant(), &places).await?;
        let mut names: BTreeMap<(String, u32), (BTreeSet<String>, BTreeSet<String>)> =
            BTreeMap::new();
        for (cause, endpoint, kbs) in found {
            let told = words.told(cause);
            let of_cause = names.entry((told.rule.to_owned(), told.root)).or_default();
            let build = builds.get(&endpoint).filter(|build| !build.is_empty());
            of_cause.0.extend(build.cloned());
            let kbs = kbs.into_iter().map(|kb| words.text(kb).to_owned());
            of_cause.1.extend(kbs.filter(|kb| !kb.is_empty()));
        }
        let some = |names: BTreeSet<String>| names.into_iter().take(NAMES).collect();
        let clusters = causes.into_iter().map(|cause| {
            let key = key(&cause);
            let (builds, kbs) = names.remove(&key).unwrap_or_default();
            UnexplainedCluster {
                cause,
                builds: some(builds),
                kbs: some(kbs),
                samples: samples.remove(&key).unwrap_or_default(),
            }
        });
        Ok(Unexplained {
            days: Some((from, to)),
            failed,
            unexplained,
            clusters: clusters.collect(),
            total,
            count: counts.totals().count,
        })
    }

    /// Windows builds of machines.
    async fn builds_of(&self, told: &Told<'_>) -> Result<HashMap<String, String>> {
        let sql = format!("SELECT endpoint, {BUILD} AS build FROM {}", machines(told));
        let query = told
            .reporting(told.ask(self, &sql))
            // As many as there are machines.
            .with_setting("max_result_rows", "0")
            .with_setting("optimize_aggregation_in_order", "1");
        let builds: Vec<(String, String)> = self
            .fetch_all("read the builds of endpoints", query)
            .await?;
        Ok(builds.into_iter().collect())
    }

    /// Where the latest findings of each stand.
    async fn latest_places(&self, told: &Told<'_>) -> Result<Vec<PlaceRow>> {
        let sql = format!(
            "SELECT toString(rule) AS rule, root, endpoint, toUInt16(day) AS day, toUInt64(of_set) AS `set`, toUInt32(ordinal_of) AS ordinal FROM {} \
             WHERE severity != 'info' ORDER BY found_at DESC, endpoint, ordinal LIMIT {SAMPLES} BY rule, root",
            told.rows(
                &FINDINGS,
                &[
                    "severity",
                    "found_at",
                    "rule",
                    "root",
                    "of_set",
                    "ordinal_of"
                ]
            )
        );
        self.fetch_all("look for what no rule names", told.ask(self, &sql))
            .await
    }

    /// The records of some findings, by rule and code.
    async fn samples(
        &self,
        tenant: &str,
        places: &[PlaceRow],
    ) -> Result<BTreeMap<(String, u32), Vec<UnexplainedSample>>> {
        let mut samples: BTreeMap<(String, u32), Vec<UnexplainedSample>> = BTreeMap::new();
        let (Some(first), Some(last)) = (
            places.iter().map(|place| place.day).min(),
            places.iter().map(|place| place.day).max(),
        ) else {
            return Ok(samples);
        };
        let endpoints: BTreeSet<&str> = places.iter().map(|one| one.endpoint.as_str()).collect();
        let (sets, ordinals): (Vec<u64>, Vec<u32>) =
            places.iter().map(|one| (one.set, one.ordinal)).unzip();
        let ask = |sql: &str, first: Day, last: Day| {
            self.page(sql)
                .param("tenant", tenant)
                .param("first", first)
                .param("last", last)
                .param(
                    "endpoints",
                    endpoints.iter().copied().collect::<Vec<&str>>(),
                )
                .param("sets", sets.as_slice())
                .param("ordinals", ordinals.as_slice())
        };
        let (texts, attempts) = tokio::try_join!(
            self.fetch_all::<TextRow>(
                "read what no rule names",
                ask(
                    "SELECT `set`, ordinal, logged, component, evidence_texts[1] AS text FROM findings \
                     WHERE tenant = {tenant:String} AND day BETWEEN toDate({first:UInt16}) AND toDate({last:UInt16}) AND endpoint IN {endpoints:Array(String)} \
                       AND (`set`, ordinal) IN arrayZip({sets:Array(UInt64)}, {ordinals:Array(UInt32)}) LIMIT 1 BY `set`, ordinal",
                    first,
                    last,
                ),
            ),
            self.fetch_all::<(u64, u32, u64)>(
                "read which attempts failed by it",
                ask(
                    "SELECT `set`, assumeNotNull(finding), max(id) FROM attempts \
                     WHERE tenant = {tenant:String} AND day BETWEEN toDate({first:UInt16}) AND toDate({last:UInt16}) AND endpoint IN {endpoints:Array(String)} \
                       AND finding IS NOT NULL AND (`set`, assumeNotNull(finding)) IN arrayZip({sets:Array(UInt64)}, {ordinals:Array(UInt32)}) \
                     GROUP BY `set`, finding",
                    first.saturating_sub(TRY_DAYS),
                    last.saturating_add(1),
                ),
            ),
        )?;
        let mut texts: BTreeMap<(u64, u32), TextRow> = texts
            .into_iter()
            .map(|row| ((row.set, row.ordinal), row))
            .collect();
        let attempts: BTreeMap<(u64, u32), u64> = attempts
            .into_iter()
            .map(|(set, finding, id)| ((set, finding), id))
            .collect();
        for place in places {
            let at = (place.set, place.ordinal);
            // A set may be replaced while a page is made.
            let Some(text) = texts.remove(&at) else {
                continue;
            };
            let key = (place.rule.clone(), place.root);
            samples.entry(key).or_default().push(UnexplainedSample {
                endpoint: place.endpoint.clone(),
                attempt: attempts.get(&at).copied().map(EventId),
                logged: text.logged,
                component: text.component,
                text: text.text,
            });
        }
        Ok(samples)
    }
}
