//! What alerts remember: what each group of each rule is in, and what each rule last saw. Rules decide nothing here.

mod claims;
mod deliveries;
mod rules;

pub use claims::AlertClaim;
pub use deliveries::{AlertDelivery, DeliveryState};
pub use rules::{AlertRuleSet, NewAlertRuleSet};

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a group of a rule is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertPhase {
    /// Met, but not for long enough.
    Pending,
    /// Met for long enough; somebody is told.
    Firing,
    /// It fired, and is over.
    Resolved,
    /// It was over before it fired.
    Dropped,
}

impl AlertPhase {
    /// The name in the table and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "resolved",
            Self::Dropped => "dropped",
        }
    }

    /// Back from [`AlertPhase::name`]; a word of a newer build is over.
    fn from_name(name: &str) -> Self {
        [Self::Pending, Self::Firing, Self::Resolved]
            .into_iter()
            .find(|phase| phase.name() == name)
            .unwrap_or(Self::Dropped)
    }

    /// Whether it goes on.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Firing)
    }
}

/// One time that a group of a rule was met, from its first evaluation to its end. Times are UTC milliseconds of who evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertState {
    /// The rule's name.
    pub rule: String,
    /// The group: name and value of each thing that the rule groups by, in its order.
    pub labels: Vec<(String, String)>,
    /// From 1 on: how often it has begun.
    pub episode: u32,
    /// As the rule has it.
    pub severity: String,
    /// What it is in.
    pub phase: AlertPhase,
    /// Met since then.
    pub since_ms: i64,
    /// When it began to fire.
    pub fired_ms: Option<i64>,
    /// While it fires: not met since then.
    pub quiet_ms: Option<i64>,
    /// When it was resolved or dropped.
    pub ended_ms: Option<i64>,
    /// The figure, when it last changed.
    pub value: f64,
    /// The greatest of the episode.
    pub peak: f64,
    /// Machines that tried, where the figure is a part of them.
    pub of: Option<f64>,
    /// What the figure had to reach.
    pub threshold: f64,
    /// The latest failure that counted, or the end of the episode, in seconds as logged. Only what is later begins a new one.
    pub evidence: Option<i64>,
    /// The first ten machines.
    pub pcs: Vec<String>,
    /// Title in English and Chinese.
    pub title: (String, String),
    /// What there is to say, in both.
    pub body: (String, String),
    /// The page that shows it.
    pub page: String,
    /// The message that says that it fires; empty before.
    pub fired_message: String,
    /// The message that says that it is resolved; empty before.
    pub ended_message: String,
    /// How often the row was changed.
    pub changes: u32,
}

/// What a rule last saw.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertEvaluation {
    /// The rule's name.
    pub rule: String,
    /// As the rule has it.
    pub severity: String,
    /// `inactive`, `pending`, `firing` or `error`.
    pub state: String,
    /// Groups that are pending or firing.
    pub groups: u32,
    /// The greatest figure of its groups.
    pub value: Option<f64>,
    /// What that one had to reach.
    pub threshold: Option<f64>,
    /// Why it could not be evaluated, or empty.
    pub error: String,
    /// When, in UTC milliseconds.
    pub at_ms: i64,
    /// Title in English and Chinese.
    pub title: (String, String),
    /// The case it is for, in both.
    pub about: (String, String),
    /// To how many receivers its messages go.
    pub receivers: u16,
}

/// Of what is over for so many days only what a new episode needs is read: nobody is told of it any more.
const WORDS_DAYS: u32 = 8;

impl Store {
    /// Writes episodes, all of one evaluation as one statement: all are there, or none is. The same row again changes nothing.
    pub async fn insert_alert_states(&self, tenant: &str, states: &[AlertState]) -> Result<()> {
        let rows = states.iter().map(|state| StateRow::new(tenant, state));
        self.insert_rows::<StateRow, _>("alert_states", rows).await
    }

    /// The latest episode of each group of each rule: what evaluation goes on from. Of those that are long over without their texts.
    pub async fn latest_alert_states(&self, tenant: &str) -> Result<Vec<AlertState>> {
        let rows: Vec<StateRow> = self
            .fetch_all(
                "read what alerts are in",
                self.sql(
                    "SELECT ?fields FROM alert_states FINAL WHERE tenant = {tenant:String} \
                       AND (phase IN ('pending', 'firing') OR ended >= subtractDays(now(), {days:UInt32})) \
                     ORDER BY rule, labels, episode DESC LIMIT 1 BY rule, labels",
                )
                .param("tenant", tenant)
                .param("days", WORDS_DAYS),
            )
            .await?;
        // Without these a group would begin again at 1, with ids of messages that were sent long ago.
        let over: Vec<OverRow> = self
            .fetch_all(
                "read what alerts were in",
                self.sql(
                    "SELECT ?fields FROM alert_states FINAL WHERE tenant = {tenant:String} \
                     ORDER BY rule, labels, episode DESC LIMIT 1 BY rule, labels",
                )
                .param("tenant", tenant),
            )
            .await?;
        let mut states: Vec<AlertState> = rows.into_iter().map(StateRow::into_state).collect();
        let known: BTreeSet<(String, Vec<(String, String)>)> = states
            .iter()
            .map(|state| (state.rule.clone(), state.labels.clone()))
            .collect();
        let over = over.into_iter().map(OverRow::into_state);
        states.extend(
            over.filter(|state| !known.contains(&(state.rule.clone(), state.labels.clone()))),
        );
        Ok(states)
    }

    /// Episodes that go on, the latest first.
    pub async fn open_alerts(&self, tenant: &str, limit: u64) -> Result<Vec<AlertState>> {
        self.alerts_in(tenant, "phase IN ('pending', 'firing')", "since", limit)
            .await
    }

    /// Episodes that had fired and are over, the last to end first.
    pub async fn past_alerts(&self, tenant: &str, limit: u64) -> Result<Vec<AlertState>> {
        self.alerts_in(tenant, "phase = 'resolved'", "ended", limit)
            .await
    }

    async fn alerts_in(
        &self,
        tenant: &str,
        condition: &str,
        order: &str,
        limit: u64,
    ) -> Result<Vec<AlertState>> {
        let rows: Vec<StateRow> = self
            .fetch_all(
                "list alerts",
                self.page(&format!(
                    "SELECT ?fields FROM alert_states FINAL WHERE tenant = {{tenant:String}} AND {condition} \
                     ORDER BY {order} DESC, rule, labels LIMIT {{limit:UInt64}}"
                ))
                .param("tenant", tenant)
                .param("limit", limit),
            )
            .await?;
        Ok(rows.into_iter().map(StateRow::into_state).collect())
    }

    /// Notes what each rule saw; all of one evaluation, with its time.
    pub async fn insert_alert_evaluations(
        &self,
        tenant: &str,
        evaluations: &[AlertEvaluation],
    ) -> Result<()> {
        let rows = evaluations.iter().map(|of| EvaluationRow {
            tenant: tenant.to_owned(),
            rule: of.rule.clone(),
            severity: of.severity.clone(),
            state: of.state.clone(),
            groups: of.groups,
            value: of.value,
            threshold: of.threshold,
            error: of.error.clone(),
            at: of.at_ms,
            title_en: of.title.0.clone(),
            title_zh: of.title.1.clone(),
            about_en: of.about.0.clone(),
            about_zh: of.about.1.clone(),
            receivers: of.receivers,
        });
        self.insert_rows::<EvaluationRow, _>("alert_evaluations", rows)
            .await
    }

    /// What the rules of the last evaluation saw, in their order by name. A rule that was taken away since is not among them.
    pub async fn alert_evaluations(&self, tenant: &str) -> Result<Vec<AlertEvaluation>> {
        let rows: Vec<EvaluationRow> = self
            .fetch_all(
                "read what alert rules saw",
                self.page(
                    "SELECT ?fields FROM alert_evaluations FINAL WHERE tenant = {tenant:String} \
                       AND at = (SELECT max(at) FROM alert_evaluations WHERE tenant = {tenant:String}) ORDER BY rule",
                )
                .param("tenant", tenant),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| AlertEvaluation {
                rule: row.rule,
                severity: row.severity,
                state: row.state,
                groups: row.groups,
                value: row.value,
                threshold: row.threshold,
                error: row.error,
                at_ms: row.at,
                title: (row.title_en, row.title_zh),
                about: (row.about_en, row.about_zh),
                receivers: row.receivers,
            })
            .collect())
    }
}

#[derive(Row, Serialize, Deserialize)]
struct StateRow {
    tenant: String,
    rule: String,
    labels: Vec<(String, String)>,
    episode: u32,
    severity: String,
    phase: String,
    since: i64,
    fired: Option<i64>,
    quiet: Option<i64>,
    ended: Option<i64>,
    value: f64,
    peak: f64,
    of: Option<f64>,
    threshold: f64,
    evidence: Option<i64>,
    pcs: Vec<String>,
    title_en: String,
    title_zh: String,
    body_en: String,
    body_zh: String,
    page: String,
    fired_message: String,
    ended_message: String,
    changes: u32,
}

impl StateRow {
    fn new(tenant: &str, state: &AlertState) -> Self {
        let state = state.clone();
        Self {
            tenant: tenant.to_owned(),
            rule: state.rule,
            labels: state.labels,
            episode: state.episode,
            severity: state.severity,
            phase: state.phase.name().to_owned(),
            since: state.since_ms,
            fired: state.fired_ms,
            quiet: state.quiet_ms,
            ended: state.ended_ms,
            value: state.value,
            peak: state.peak,
            of: state.of,
            threshold: state.threshold,
            evidence: state.evidence,
            pcs: state.pcs,
            title_en: state.title.0,
            title_zh: state.title.1,
            body_en: state.body.0,
            body_zh: state.body.1,
            page: state.page,
            fired_message: state.fired_message,
            ended_message: state.ended_message,
            changes: state.changes,
        }
    }

    fn into_state(self) -> AlertState {
        AlertState {
            rule: self.rule,
            labels: self.labels,
            episode: self.episode,
            severity: self.severity,
            phase: AlertPhase::from_name(&self.phase),
            since_ms: self.since,
            fired_ms: self.fired,
            quiet_ms: self.quiet,
            ended_ms: self.ended,
            value: self.value,
            peak: self.peak,
            of: self.of,
            threshold: self.threshold,
            evidence: self.evidence,
            pcs: self.pcs,
            title: (self.title_en, self.title_zh),
            body: (self.body_en, self.body_zh),
            page: self.page,
            fired_message: self.fired_message,
            ended_message: self.ended_message,
            changes: self.changes,
        }
    }
}

/// What is left of an episode that is over.
#[derive(Row, Deserialize)]
struct OverRow {
    rule: String,
    labels: Vec<(String, String)>,
    episode: u32,
    phase: String,
    since: i64,
    ended: Option<i64>,
    evidence: Option<i64>,
    changes: u32,
}

impl OverRow {
    fn into_state(self) -> AlertState {
        AlertState {
            rule: self.rule,
            labels: self.labels,
            episode: self.episode,
            severity: String::new(),
            phase: AlertPhase::from_name(&self.phase),
            since_ms: self.since,
            fired_ms: None,
            quiet_ms: None,
            ended_ms: self.ended,
            value: 0.0,
            peak: 0.0,
            of: None,
            threshold: 0.0,
            evidence: self.evidence,
            pcs: Vec::new(),
            title: Default::default(),
            body: Default::default(),
            page: String::new(),
            fired_message: String::new(),
            ended_message: String::new(),
            changes: self.changes,
        }
    }
}

#[derive(Row, Serialize, Deserialize)]
struct EvaluationRow {
    tenant: String,
    rule: String,
    severity: String,
    state: String,
    groups: u32,
    value: Option<f64>,
    threshold: Option<f64>,
    error: String,
    at: i64,
    title_en: String,
    title_zh: String,
    about_en: String,
    about_zh: String,
    receivers: u16,
}
