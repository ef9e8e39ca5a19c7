//! Lists of endpoints: by name, or by what is broken on them now.

use super::{
    Day, Filter,
    filter::CauseId,
    states::{CAUSE, State, Tried, states},
    told::{ATTEMPTS, FINDINGS, Told},
};
use crate::{error::Result, labels::Label, store::Store};
use clickhouse::Row;
use event::{Code, LoggedAt, UtcMillis};
use serde::Deserialize;
use std::collections::BTreeMap;

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
}

impl Wanted {
    /// Reads the name of a state, or of one of the others.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "not_tried" => Some(Self::NotTried),
            "silent" => Some(Self::Silent),
            "clock_ahead" => Some(Self::ClockAhead),
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

    fn order(self) -> &'static str {
        match self {
            Self::Name => "endpoint",
            Self::Failed => "tries_failed DESC, last_failed DESC, endpoint",
            Self::LastFailure => "last_failed DESC, endpoint",
            Self::LastSeen => "ends DESC, endpoint",
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

/// What machines tried: the gravest state decides, and of what failed that which still does, then the later one.
pub(super) fn tried(told: &Told<'_>) -> String {
    format!(
        "(SELECT endpoint, gravest AS state, tries_failed, last_failed, worst.1 AS cause, worst.2 AS kb FROM (\
           SELECT endpoint, min(state) AS gravest, sum(failed) AS tries_failed, max(failed_at) AS last_failed, \
             argMin((cause, toString(kb)), (state != {failing}, -failed_at, cause, kb)) AS worst FROM {} WHERE shown GROUP BY endpoint))",
        states(told, false),
        failing = State::Failing.rank(),
    )
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
            .listed(&told, search, wanted, sort, limit, after)
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
        search: &str,
        wanted: Option<Wanted>,
        sort: Sort,
        limit: usize,
        after: Option<&str>,
    ) -> Result<EndpointPage> {
        let after = after.unwrap_or("");
        // By name a list goes on after a name, whatever came and went before it; in another order, after so many lines.
        let skip: u64 = match sort {
            Sort::Name => 0,
            _ => after.parse().unwrap_or(0),
        };
        let (tried, machines) = (tried(told), machines(told));
        let of_tries = format!("{tried} AS tried LEFT JOIN {machines} AS machine USING endpoint");
        // What machines tried is folded only where it decides what is in the list or where.
        let of_machines = match sort {
            Sort::Name | Sort::LastSeen => machines.clone(),
            Sort::Failed | Sort::LastFailure => {
                format!("{machines} AS machine LEFT JOIN {tried} AS tried USING endpoint")
            }
        };
        let is_narrow = told.has_cause() || told.narrow_kb() != "";
        let (of, condition) = match wanted {
            Some(Wanted::In(State::Installed)) => {
                let have = [State::Installed, State::Recovered, State::Superseded];
                let [installed, recovered, superseded] = have.map(State::rank);
                (
                    of_tries,
                    format!("state IN ({installed}, {recovered}, {superseded})"),
                )
            }
            Some(Wanted::In(state)) => (of_tries, format!("state = {}", state.rank())),
            Some(Wanted::NotTried) => (
                format!("{machines} AS machine LEFT ANTI JOIN {tried} AS tried USING endpoint"),
                SEEN.to_owned(),
            ),
            Some(Wanted::Silent) => (of_machines, "heard < {silent_from:Int64}".to_owned()),
            Some(Wanted::ClockAhead) => (of_machines, "ends > {ahead_from:Int64}".to_owned()),
            None if is_narrow => (of_tries, "1".to_owned()),
            None => (of_machines, "1".to_owned()),
        };
        let sql = format!(
            "SELECT endpoint, total FROM (SELECT *, count() OVER () AS total FROM {of} WHERE {condition} \
               AND ({{search:String}} = '' OR positionCaseInsensitiveUTF8(endpoint, {{search:String}}) > 0 \
                 OR positionCaseInsensitiveUTF8(said, {{search:String}}) > 0 \
                 OR endpoint IN (SELECT endpoint FROM endpoint_labels FINAL WHERE tenant = {{tenant:String}} AND label = 'name' \
                   AND {{search:String}} != '' AND positionCaseInsensitiveUTF8(value, {{search:String}}) > 0))) \
             WHERE {sorted} OR endpoint > {{after:String}} ORDER BY {order} LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}",
            sorted = u8::from(sort != Sort::Name),
            order = sort.order(),
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .param("search", search)
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
        let next = names.last().filter(|_| is_more).map(|last| match sort {
            Sort::Name => last.clone(),
            _ => (skip + limit as u64).to_string(),
        });
        let endpoints = self.summaries(told, &names, None).await?;
        Ok(EndpointPage {
            days: None,
            endpoints,
            total,
            next,
        })
    }

    /// Endpoints of which it is known what they tried.
    pub(super) async fn of_tries(
        &self,
        told: &Told<'_>,
        tries: &[Tried],
    ) -> Result<Vec<EndpointSummary>> {
        let names: Vec<String> = tries.iter().map(|tried| tried.endpoint.clone()).collect();
        self.summaries(told, &names, Some(tries.to_vec())).await
    }

    /// What a list says of some endpoints, in their order.
    pub(super) async fn summarized(
        &self,
        told: &Told<'_>,
        names: &[String],
    ) -> Result<Vec<EndpointSummary>> {
        self.summaries(told, names, None).await
    }

    /// What a list says of endpoints, in their order.
    async fn summaries(
        &self,
        told: &Told<'_>,
        names: &[String],
        tries: Option<Vec<Tried>>,
    ) -> Result<Vec<EndpointSummary>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let mut told = told.clone();
        if names.len() <= NAMED {
            told = told.of(names.iter().map(String::as_str).collect());
        }
        let machines = format!(
            "SELECT endpoint, said AS host, stack AS servicing_stack, ends, heard FROM {}",
            machines(&told)
        );
        let machines = told
            .reporting(told.ask(self, &machines))
            .with_setting("optimize_aggregation_in_order", "1");
        let tried = format!(
            "SELECT endpoint, state, tries_failed, last_failed, cause, kb FROM {}",
            tried(&told)
        );
        let causes = format!(
            "SELECT DISTINCT {CAUSE} AS hash, toString(category), toString(rule), root FROM (\
               SELECT category, rule, root FROM {attempts} WHERE outcome IN ('failed', 'rolled_back') \
               UNION ALL SELECT category, rule, root FROM {findings} WHERE severity IN ('error', 'critical'))",
            attempts = told.whole(&ATTEMPTS, &["outcome", "category", "rule", "root"]),
            findings = told.whole(&FINDINGS, &["severity", "category", "rule", "root"]),
        );
        let ids = names.iter().map(String::as_str).collect();
        let (mut labels, machines, tried, causes) = tokio::try_join!(
            self.labels_of(told.tenant(), &ids),
            self.fetch_all::<Machine>("read the facts of endpoints", machines),
            async {
                match tries {
                    Some(tries) => Ok(tries),
                    None => {
                        let tried = told.ask(self, &tried);
                        self.fetch_all("read what endpoints tried", tried).await
                    }
                }
            },
            self.fetch_all::<(u64, String, String, u32)>(
                "read what endpoints failed by",
                told.ask(self, &causes)
            ),
        )?;
        let by_name = |machine: Machine| (machine.endpoint.clone(), machine);
        let mut machines: BTreeMap<String, Machine> = machines.into_iter().map(by_name).collect();
        let mut tried: BTreeMap<String, Tried> = tried
            .into_iter()
            .map(|tried| (tried.endpoint.clone(), tried))
            .collect();
        let causes: BTreeMap<u64, (String, String, Option<Code>)> = causes
            .into_iter()
            .map(|(hash, category, rule, root)| {
                let root = (root != 0).then_some(Code::new(root));
                (hash, (category, rule, root))
            })
            .collect();
        let summary = |name: &String| {
            let machine = machines.remove(name);
            let tried = tried.remove(name);
            let (category, rule, root_code) = tried
                .as_ref()
                .and_then(|tried| causes.get(&tried.cause).cloned())
                .unwrap_or_default();
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
                state: tried.as_ref().map(|tried| State::from_rank(tried.state)),
                is_silent: heard.is_none_or(|heard| heard < told.silent_from()),
                failed: tried.as_ref().map_or(0, |tried| tried.tries_failed),
                last_failure: tried
                    .as_ref()
                    .filter(|tried| tried.last_failed > 0)
                    .map(|tried| LoggedAt(tried.last_failed)),
                last_seen: ends.map(LoggedAt),
                category,
                rule,
                root_code,
                kb: tried
                    .filter(|tried| tried.cause != 0)
                    .map(|tried| tried.kb)
                    .unwrap_or_default(),
            }
        };
        Ok(names.iter().map(summary).collect())
    }
}
