//! Lists of endpoints: by name, or by what is broken on them now.

use super::{
    Day, Filter,
    filter::CauseId,
    states::{Stands, State, Tried},
    told::Told,
    tries::Words,
};
use crate::{error::Result, hosts::is_cloned, labels::Label, store::Store};
use clickhouse::Row;
use event::{Code, LoggedAt, UtcMillis};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// One line of a list of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSummary {
    /// Which.
    pub endpoint: String,
    /// What people call it, or empty.
    pub name: String,
    /// Host name, or empty.
    pub host: String,
    /// What else people say of it, by label.
    pub labels: Vec<Label>,
    /// Version of the servicing stack, or empty; its first three parts are the Windows build.
    pub servicing_stack: String,
    /// The gravest state of its updates; none where it tried none in the days of the list.
    pub state: Option<State>,
    /// Whether it sent nothing for [`SILENT_DAYS`](super::SILENT_DAYS) days, see [`Totals`](super::Totals).
    pub is_silent: bool,
    /// Attempts failed or rolled back in those days.
    pub failed: u64,
    /// Latest failure, as logged.
    pub last_failure: Option<LoggedAt>,
    /// Latest head of any log, as logged.
    pub last_seen: Option<LoggedAt>,
    /// Category of the failure that decides its state, or of the latest one, or empty.
    pub category: String,
    /// Its rule, or empty.
    pub rule: String,
    /// The code that started it.
    pub root_code: Option<Code>,
    /// The KB that failed by it, or empty.
    pub kb: String,
}

impl EndpointSummary {
    /// What tells its cause from others, where it has one.
    pub fn cause(&self) -> Option<CauseId> {
        (!self.category.is_empty()).then(|| CauseId::of(&self.rule, &self.category, self.root_code))
    }
}

/// Endpoints that are asked for.
#[derive(Clone, Copy, Debug)]
pub struct EndpointsAsked<'a> {
    /// What they tried and failed by.
    pub filter: &'a Filter,
    /// A part of the id, the name or the host, or empty.
    pub search: &'a str,
    /// In which state.
    pub wanted: Option<Wanted>,
    /// In which order.
    pub sort: Sort,
    /// Lines of an answer.
    pub limit: usize,
    /// Where it goes on: what the page before it gave as `next`.
    pub after: Option<&'a str>,
}

/// Which endpoints a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those in a state; `Installed` holds all that have what they tried, however they came to it.
    In(State),
    /// Those whose logs reach into the days, and tell of no try.
    NotTried,
    /// Those without a log for [`SILENT_DAYS`](super::SILENT_DAYS) days, whatever they tried.
    Silent,
    /// Those whose newest log is of a time that no clock on earth shows yet.
    ClockAhead,
    /// Those that several machines send as, see [`Store::cloned_endpoints`].
    Cloned,
}

impl Wanted {
    /// Reads the name of a state, or of one of the others.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "not_tried" => Some(Self::NotTried),
            "silent" => Some(Self::Silent),
            "clock_ahead" => Some(Self::ClockAhead),
            "cloned" => Some(Self::Cloned),
            state => State::from_name(state).map(Self::In),
        }
    }
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By id.
    #[default]
    Name,
    /// Most failed attempts first.
    Failed,
    /// Latest failure first.
    LastFailure,
    /// Newest log first.
    LastSeen,
}

impl Sort {
    /// Reads its name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "name" => Some(Self::Name),
            "failed" => Some(Self::Failed),
            "last_failure" => Some(Self::LastFailure),
            "last_seen" => Some(Self::LastSeen),
            _ => None,
        }
    }
}

/// A page of a list, and where the next one starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPage {
    /// First and last day that failures are told of; nothing where there is no data.
    pub days: Option<(Day, Day)>,
    /// In the order asked for.
    pub endpoints: Vec<EndpointSummary>,
    /// How many there are in the whole list; unknown of a page behind its end.
    pub total: Option<u64>,
    /// What to give as `after` for the next page.
    pub next: Option<String>,
}

/// A machine, whatever failed on it.
#[derive(Row, Deserialize)]
struct Machine {
    endpoint: String,
    host: String,
    servicing_stack: String,
    ends: i64,
    heard: i64,
}

/// Names sent with a question; beyond them it is asked of all endpoints.
const NAMED: usize = 1_000;

/// Machines that a page asks for: `said` = host name, `stack` = version of the servicing stack, when their logs begin and end as logged, when the newest arrived (0: not noted),
/// and when each was heard of.
pub(super) fn machines(told: &Told<'_>) -> String {
    format!(
        "(SELECT endpoint, coalesce(nullIf(max(endpoints.named).2, ''), max(endpoints.host)) AS said, \
           max(servicing_stack).2 AS stack, ifNull(toInt64(min(first)), {{never:Int64}}) AS begins, ifNull(toInt64(max(last)), {{never:Int64}}) AS ends, \
           toUnixTimestamp64Milli(max(contact)) AS contacted, if(contacted > 0, intDiv(contacted, 1000), ends) AS heard \
         FROM endpoints WHERE tenant = {{tenant:String}}{} GROUP BY endpoint)",
        told.of_endpoints()
    )
}

/// The build of a machine, from its `stack`: `10.0.19041`, or empty.
pub(super) const BUILD: &str = "arrayStringConcat(arraySlice(splitByChar('.', stack), 1, 3), '.')";

/// Whether logs of a machine, from the earliest to the latest time in them, reach into the days.
pub(super) const SEEN: &str =
    "begins < (toInt64({to:UInt16}) + 1) * 86400 AND ends >= toInt64({from:UInt16}) * 86400";

/// Which endpoints a search means, by id, host name or the name that people gave.
const SEARCHED: &str = "({search:String} = '' OR positionCaseInsensitiveUTF8(endpoint, {search:String}) > 0 \
     OR positionCaseInsensitiveUTF8(said, {search:String}) > 0 \
     OR endpoint IN (SELECT endpoint FROM endpoint_labels FINAL WHERE tenant = {tenant:String} AND label = 'name' \
       AND {search:String} != '' AND positionCaseInsensitiveUTF8(value, {search:String}) > 0))";

/// The condition on [`machines`] of what is wanted, as far as they alone decide it.
fn is_wanted(wanted: Option<Wanted>) -> String {
    match wanted {
        Some(Wanted::NotTried) => SEEN.to_owned(),
        Some(Wanted::Silent) => "heard < {silent_from:Int64}".to_owned(),
        Some(Wanted::ClockAhead) => "ends > {ahead_from:Int64}".to_owned(),
        Some(Wanted::Cloned) => is_cloned(""),
        Some(Wanted::In(_)) | None => "1".to_owned(),
    }
}

/// An endpoint of a list.
struct Line {
    endpoint: String,
    tries_failed: u64,
    last_failed: Option<i64>,
    ends: i64,
}

impl Line {
    fn order(&self, sort: Sort, other: &Self) -> Ordering {
        let by_name = self.endpoint.cmp(&other.endpoint);
        let greatest = match sort {
            Sort::Name => Ordering::Equal,
            Sort::Failed => other
                .tries_failed
                .cmp(&self.tries_failed)
                .then(other.last_failed.cmp(&self.last_failed)),
            Sort::LastFailure => other.last_failed.cmp(&self.last_failed),
            Sort::LastSeen => other.ends.cmp(&self.ends),
        };
        greatest.then(by_name)
    }
}

/// What a list asks for beside the page's filter.
#[derive(Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) search: &'a str,
    pub(super) wanted: Option<Wanted>,
    pub(super) sort: Sort,
    pub(super) limit: usize,
    pub(super) after: Option<&'a str>,
}

impl Store {
    /// A page of endpoints. Failures are those of the days that [`Store::overview`] shows.
    pub async fn endpoints(&self, asked: EndpointsAsked<'_>) -> Result<EndpointPage> {
        let EndpointsAsked {
            filter,
            search,
            wanted,
            sort,
            limit,
            after,
        } = asked;
        let days = self.range(filter).await?;
        // Without any data the list is of machines that nothing is known of yet.
        let (from, to) = days.unwrap_or_default();
        let told = self.told(filter, from, to).await?;
        let mut page = self
            .listed(
                &told,
                Listing {
                    search,
                    wanted,
                    sort,
                    limit,
                    after,
                },
            )
            .await?;
        page.days = days;
        Ok(page)
    }

    /// A number that grows whenever anything was derived or labelled, read without reading any row: what pages count is as it was while it stays.
    pub async fn derived_mark(&self) -> Result<u64> {
        self.fetch_one(
            "look for what was derived and labelled",
            self.page(
                "SELECT toUInt64(sum(newest)) FROM (SELECT max(max_block_number) AS newest FROM system.parts \
                 WHERE database = currentDatabase() AND table IN ('derivations', 'endpoint_labels') AND active GROUP BY table, partition_id)",
            ),
        )
        .await
    }

    /// When the newest log of all arrived, where that was noted.
    pub async fn last_contact(&self, tenant: &str) -> Result<Option<UtcMillis>> {
        let at: i64 = self
            .fetch_one(
                "read when the newest log arrived",
                self.page("SELECT toUnixTimestamp64Milli(max(contact)) FROM endpoints WHERE tenant = {tenant:String}")
                    .param("tenant", tenant),
            )
            .await?;
        Ok((at > 0).then_some(UtcMillis(at)))
    }

    pub(super) async fn listed(
        &self,
        told: &Told<'_>,
        listing: Listing<'_>,
    ) -> Result<EndpointPage> {
        let is_narrow = told.has_cause() || told.narrow_kb() != "";
        // What machines tried is read only where it decides what is in the list or where.
        let of_tries = match listing.wanted {
            Some(Wanted::In(_) | Wanted::NotTried) => true,
            None if is_narrow => true,
            _ => matches!(listing.sort, Sort::Failed | Sort::LastFailure),
        };
        let (names, total, next) = match of_tries {
            true => self.lines_of_tries(told, listing).await?,
            false => self.lines_of_machines(told, listing).await?,
        };
        let endpoints = self.summarized(told, &names).await?;
        Ok(EndpointPage {
            days: None,
            endpoints,
            total,
            next,
        })
    }

    /// The names of a page's lines, how many the whole list has, and where the next page begins: of all machines.
    async fn lines_of_machines(
        &self,
        told: &Told<'_>,
        listing: Listing<'_>,
    ) -> Result<(Vec<String>, Option<u64>, Option<String>)> {
        let Listing { sort, limit, .. } = listing;
        let after = listing.after.unwrap_or("");
        let skip = skipped(listing);
        let condition = is_wanted(listing.wanted);
        let sql = format!(
            "SELECT endpoint, total FROM (SELECT *, count() OVER () AS total FROM {machines} WHERE {condition} AND {SEARCHED}) \
             WHERE {sorted} OR endpoint > {{after:String}} ORDER BY {order} LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}",
            machines = machines(told),
            sorted = u8::from(sort != Sort::Name),
            order = match sort {
                Sort::LastSeen => "ends DESC, endpoint",
                _ => "endpoint",
            },
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .param("search", listing.search)
            .param("after", after)
            .param("skip", skip)
            .param("limit", limit as u64 + 1)
            // The table is ordered by endpoint; hashed, their names alone would take half the time of a page.
            .with_setting("optimize_aggregation_in_order", "1");
        let mut rows: Vec<(String, u64)> = self.fetch_all("list endpoints", query).await?;
        let total = match (rows.first(), after) {
            (Some(row), _) => Some(row.1),
            (None, "") => Some(0),
            (None, _) => None,
        };
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let names: Vec<String> = rows.into_iter().map(|row| row.0).collect();
        let next = next_of(listing, is_more, names.last());
        Ok((names, total, next))
    }

    /// The same of what machines tried.
    async fn lines_of_tries(
        &self,
        told: &Told<'_>,
        listing: Listing<'_>,
    ) -> Result<(Vec<String>, Option<u64>, Option<String>)> {
        let Listing {
            wanted,
            sort,
            limit,
            ..
        } = listing;
        let (stands, mut words) = (Stands::now(told), Words::default());
        let mut tried: HashMap<String, Tried> = HashMap::new();
        let read = self.each_machine(told, &mut words, |words, machine| {
            let of = Tried::of(words, machine.endpoint, &stands.of(words, machine));
            tried.extend(of.map(|of| (of.endpoint.clone(), of)));
        });
        let is_of_tries = matches!(wanted, Some(Wanted::In(_)) | None);
        let by_facts = !is_of_tries || !listing.search.is_empty() || sort == Sort::LastSeen;
        // Where all machines are asked for, those too that tried nothing.
        let is_narrow = told.has_cause() || told.narrow_kb() != "";
        let has_others = wanted.is_none() && !is_narrow;
        let facts = async {
            match by_facts || has_others {
                true => self.facts_of_list(told, listing).await.map(Some),
                false => Ok(None),
            }
        };
        let ((), facts) = tokio::try_join!(read, facts)?;
        let is_wanted = |endpoint: &str| match wanted {
            Some(Wanted::In(state)) => tried
                .get(endpoint)
                .is_some_and(|tried| state.holds(tried.state)),
            Some(Wanted::NotTried) => !tried.contains_key(endpoint),
            None if is_narrow => tried.contains_key(endpoint),
            _ => true,
        };
        let line = |endpoint: String, ends: i64| {
            let tried = tried.get(&endpoint);
            Line {
                tries_failed: tried.map_or(0, |tried| tried.tries_failed),
                last_failed: tried.and_then(|tried| tried.last_failed),
                endpoint,
                ends,
            }
        };
        let mut lines: Vec<Line> = match facts {
            Some(facts) => {
                let wanted = facts
                    .into_iter()
                    .filter(|(endpoint, _)| is_wanted(endpoint));
                wanted
                    .map(|(endpoint, ends)| line(endpoint, ends))
                    .collect()
            }
            None => {
                let wanted = tried.keys().filter(|endpoint| is_wanted(endpoint));
                wanted.map(|endpoint| line(endpoint.clone(), 0)).collect()
            }
        };
        lines.sort_unstable_by(|one, other| one.order(sort, other));
        let total = lines.len();
        let skip = match (sort, listing.after) {
            (Sort::Name, Some(after)) => {
                lines.partition_point(|line| line.endpoint.as_str() <= after)
            }
            (Sort::Name, None) => 0,
            _ => usize::try_from(skipped(listing)).unwrap_or(usize::MAX),
        };
        let rest = lines.get(skip..).unwrap_or_default();
        let page = rest.get(..limit).unwrap_or(rest);
        let names: Vec<String> = page.iter().map(|line| line.endpoint.clone()).collect();
        let next = next_of(listing, rest.len() > limit, names.last());
        let is_behind = names.is_empty() && listing.after.is_some_and(|after| !after.is_empty());
        Ok((names, (!is_behind).then_some(total as u64), next))
    }

    /// Machines that a list asks for whatever they tried, each with the time of its newest log.
    async fn facts_of_list(
        &self,
        told: &Told<'_>,
        listing: Listing<'_>,
    ) -> Result<Vec<(String, i64)>> {
        let condition = is_wanted(listing.wanted);
        let sql = format!(
            "SELECT endpoint, ends FROM {} WHERE {condition} AND {SEARCHED}",
            machines(told)
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .param("search", listing.search)
            // As many as there are machines.
            .with_setting("max_result_rows", "0")
            .with_setting("optimize_aggregation_in_order", "1");
        self.fetch_all("list endpoints", query).await
    }

    /// Endpoints of which it is known what they tried, by words of the same reading.
    pub(super) async fn of_tries(
        &self,
        told: &Told<'_>,
        words: &Words,
        tries: Vec<Tried>,
    ) -> Result<Vec<EndpointSummary>> {
        let names: Vec<String> = tries.iter().map(|tried| tried.endpoint.clone()).collect();
        self.summaries(told, &names, words, tries).await
    }

    /// What a list says of some endpoints, in their order.
    pub(super) async fn summarized(
        &self,
        told: &Told<'_>,
        names: &[String],
    ) -> Result<Vec<EndpointSummary>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let told = few(told, names);
        let (stands, mut words) = (Stands::now(&told), Words::default());
        let mut tries = Vec::new();
        self.each_machine(&told, &mut words, |words, machine| {
            tries.extend(Tried::of(
                words,
                machine.endpoint,
                &stands.of(words, machine),
            ));
        })
        .await?;
        self.summaries(&told, names, &words, tries).await
    }

    /// What a list says of endpoints, in their order.
    async fn summaries(
        &self,
        told: &Told<'_>,
        names: &[String],
        words: &Words,
        tries: Vec<Tried>,
    ) -> Result<Vec<EndpointSummary>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let told = few(told, names);
        let machines = format!(
            "SELECT endpoint, said AS host, stack AS servicing_stack, ends, heard FROM {}",
            machines(&told)
        );
        let machines = told
            .reporting(told.ask(self, &machines))
            .with_setting("optimize_aggregation_in_order", "1");
        let ids = names.iter().map(String::as_str).collect();
        let (mut labels, machines) = tokio::try_join!(
            self.labels_of(told.tenant(), &ids),
            self.fetch_all::<Machine>("read the facts of endpoints", machines),
        )?;
        let by_name = |machine: Machine| (machine.endpoint.clone(), machine);
        let mut machines: BTreeMap<String, Machine> = machines.into_iter().map(by_name).collect();
        let mut tried: BTreeMap<String, Tried> = tries
            .into_iter()
            .map(|tried| (tried.endpoint.clone(), tried))
            .collect();
        let summary = |name: &String| {
            let machine = machines.remove(name);
            let tried = tried.remove(name);
            let cause = tried
                .as_ref()
                .and_then(|tried| tried.cause)
                .map(|cause| words.told(cause));
            let mut labels = labels.remove(name).unwrap_or_default();
            let heard = machine.as_ref().map(|machine| machine.heard);
            let ends = machine.as_ref().map(|machine| machine.ends);
            let ends = ends.filter(|&ends| ends > super::told::NEVER);
            let (host, servicing_stack) = machine
                .map(|machine| (machine.host, machine.servicing_stack))
                .unwrap_or_default();
            EndpointSummary {
                endpoint: name.clone(),
                name: labels.remove("name").unwrap_or_default(),
                labels: labels.into_iter().collect(),
                host,
                servicing_stack,
                state: tried.as_ref().map(|tried| tried.state),
                is_silent: heard.is_none_or(|heard| heard < told.silent_from()),
                failed: tried.as_ref().map_or(0, |tried| tried.tries_failed),
                last_failure: tried
                    .as_ref()
                    .and_then(|tried| tried.last_failed)
                    .map(LoggedAt),
                last_seen: ends.map(LoggedAt),
                category: cause.map_or("", |cause| cause.category).to_owned(),
                rule: cause.map_or("", |cause| cause.rule).to_owned(),
                root_code: cause.and_then(|cause| cause.root_code()),
                kb: tried
                    .filter(|tried| tried.cause.is_some())
                    .map_or(String::new(), |tried| words.text(tried.kb).to_owned()),
            }
        };
        Ok(names.iter().map(summary).collect())
    }
}

/// Lines before a page, in an order that is not by name: by name a list goes on after a name, whatever came and went before it.
fn skipped(listing: Listing<'_>) -> u64 {
    match (listing.sort, listing.after) {
        (Sort::Name, _) | (_, None) => 0,
        (_, Some(after)) => after.parse().unwrap_or(0),
    }
}

fn next_of(listing: Listing<'_>, is_more: bool, last: Option<&String>) -> Option<String> {
    let last = last.filter(|_| is_more)?;
    Some(match listing.sort {
        Sort::Name => last.clone(),
        _ => (skipped(listing) + listing.limit as u64).to_string(),
    })
}

/// Asks for some endpoints alone, where they are few enough to be named.
fn few<'a>(told: &Told<'a>, names: &'a [String]) -> Told<'a> {
    match names.len() <= NAMED {
        true => told.clone().of(names.iter().map(String::as_str).collect()),
        false => told.clone(),
    }
}
