//! `/alerts`: what fires, what fired, and what each rule last saw.

use super::file::{Asking, FileOf, Line, List, or_empty};
use crate::{
    error::{ApiError, Result},
    json::Json,
    schema::{AlertRuleState, AlertSeverity, AlertStateName, UtcTime},
    server::Web,
    texts::Text,
};
use axum::extract::State;
use event::UtcMillis;
use serde::Serialize;
use std::collections::BTreeMap;
use store::{AlertDelivery, AlertState, DeliveryState};
use utoipa::ToSchema;

/// Episodes that go on, in one answer: more than anybody reads.
const OPEN: u64 = 500;

/// Episodes that are over, the last to end.
const PAST: u64 = 100;

#[derive(Serialize, ToSchema)]
pub(crate) struct Alerts {
    /// When rules were last evaluated.
    #[schema(value_type = Option<UtcTime>)]
    evaluated: Option<String>,
    rules: Vec<Rule>,
    /// The latest 500.
    firing: Vec<Episode>,
    /// The last 100 to end.
    history: Vec<Episode>,
    /// Whether anybody is told.
    configured: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AlertRule)]
struct Rule {
    name: String,
    #[schema(value_type = AlertSeverity)]
    severity: String,
    #[schema(value_type = AlertRuleState)]
    state: String,
    /// Groups that are pending or firing.
    groups: u32,
    /// The greatest of its groups; nothing where nothing is counted.
    value: Option<f64>,
    /// What it must reach.
    threshold: Option<f64>,
    /// When it was last evaluated.
    #[schema(value_type = UtcTime)]
    last: String,
    /// Why it could not be asked.
    error: Option<String>,
    /// With `…` where figures stand.
    title: Text,
    about: Text,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
pub(crate) struct Episode {
    /// The same in every answer.
    id: String,
    rule: String,
    #[schema(value_type = AlertSeverity)]
    severity: String,
    #[schema(value_type = AlertStateName)]
    state: &'static str,
    labels: BTreeMap<String, String>,
    #[schema(value_type = UtcTime)]
    since: String,
    /// Of one that is over the greatest.
    value: f64,
    title: Text,
    /// The page that it is about, `/…`.
    page: String,
    deliveries: Vec<Delivery>,
    /// Of one that is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UtcTime>, nullable = false)]
    resolved: Option<String>,
}

#[derive(Clone, Serialize, ToSchema)]
#[schema(as = AlertDelivery)]
struct Delivery {
    receiver: String,
    /// When it was last tried.
    #[schema(value_type = UtcTime)]
    at: String,
    ok: bool,
    error: Option<String>,
}

pub(crate) async fn alerts(State(web): State<Web>) -> Result<Alerts> {
    let (store, tenant) = (&web.store, &*web.tenant);
    let (seen, open, past) = tokio::try_join!(
        store.alert_evaluations(tenant),
        store.open_alerts(tenant, OPEN),
        store.past_alerts(tenant, PAST),
    )?;
    let sent = sent(&web, open.iter().chain(&past)).await?;
    let episode = |state: AlertState| Episode::new(state, &sent);
    Ok(Json(Alerts {
        evaluated: seen.first().map(|seen| UtcMillis(seen.at_ms).to_string()),
        configured: seen.iter().any(|seen| seen.receivers > 0),
        rules: seen
            .into_iter()
            .map(|seen| Rule {
                name: seen.rule,
                severity: seen.severity,
                state: seen.state,
                groups: seen.groups,
                value: seen.value,
                threshold: seen.threshold,
                last: UtcMillis(seen.at_ms).to_string(),
                error: (!seen.error.is_empty()).then_some(seen.error),
                title: text(seen.title),
                about: text(seen.about),
            })
            .collect(),
        firing: open.into_iter().map(episode).collect(),
        history: past.into_iter().map(episode).collect(),
    }))
}

/// Episodes of a file.
const FILED: u64 = 5_000;

/// Messages that one question names: each is some 60 bytes of it.
const MESSAGES: usize = 200;

/// What fires and what fired, with who was told.
pub(crate) async fn alerts_file(State(web): State<Web>, asking: Asking) -> FileOf<Episode> {
    let (store, tenant) = (&web.store, &*web.tenant);
    let (open, past) = tokio::try_join!(
        store.open_alerts(tenant, FILED),
        store.past_alerts(tenant, FILED),
    )?;
    let is_cut = open.len().max(past.len()) as u64 >= FILED;
    let states: Vec<AlertState> = open.into_iter().chain(past).collect();
    let sent = sent(&web, states.iter()).await?;
    let mut list = List::whole(
        states
            .into_iter()
            .map(|state| Episode::new(state, &sent))
            .collect(),
    );
    if is_cut {
        list.total = None;
    }
    asking.file(&web, "alerts", list).await
}

/// What was sent of some episodes, by message.
async fn sent(
    web: &Web,
    states: impl Iterator<Item = &AlertState>,
) -> std::result::Result<BTreeMap<String, Vec<Delivery>>, ApiError> {
    let messages: Vec<&str> = states
        .flat_map(|state| [&state.fired_message, &state.ended_message])
        .filter(|message| !message.is_empty())
        .map(String::as_str)
        .collect();
    let mut sent: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
    for some in messages.chunks(MESSAGES) {
        for delivery in web.store.alert_deliveries_of(&web.tenant, some).await? {
            // What stands for this page is no receiver.
            if !delivery.receiver.is_empty() {
                let message = delivery.message.clone();
                sent.entry(message).or_default().push(shown(delivery));
            }
        }
    }
    Ok(sent)
}

impl Line for Episode {
    const COLUMNS: &'static [&'static str] = &[
        "rule",
        "severity",
        "state",
        "labels",
        "since",
        "resolved",
        "value",
        "title_en",
        "title_zh",
        "page",
        "deliveries",
    ];

    fn cells(&self) -> Vec<String> {
        let labels = self.labels.iter();
        let labels: Vec<String> = labels
            .map(|(label, value)| format!("{label}:{value}"))
            .collect();
        let deliveries = self.deliveries.iter().map(|told| match &told.error {
            None => format!("{} {}", told.receiver, told.at),
            Some(error) => format!("{} {} {error}", told.receiver, told.at),
        });
        vec![
            self.rule.clone(),
            self.severity.clone(),
            self.state.to_owned(),
            labels.join(", "),
            self.since.clone(),
            or_empty(self.resolved.as_ref()),
            self.value.to_string(),
            self.title.en.clone(),
            self.title.zh.clone(),
            self.page.clone(),
            deliveries.collect::<Vec<_>>().join("; "),
        ]
    }
}

impl Episode {
    fn new(state: AlertState, sent: &BTreeMap<String, Vec<Delivery>>) -> Self {
        let of = |message: &String| sent.get(message).cloned().unwrap_or_default();
        let is_over = !state.phase.is_open();
        let mut deliveries = of(&state.fired_message);
        if !state.ended_message.is_empty() {
            deliveries.extend(of(&state.ended_message));
        }
        // The same episode has the same id in every answer.
        let labels: Vec<&str> = state
            .labels
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        Self {
            id: format!("{}/{}/{}", state.rule, labels.join("/"), state.episode),
            state: state.phase.name(),
            since: UtcMillis(state.fired_ms.unwrap_or(state.since_ms)).to_string(),
            value: if is_over { state.peak } else { state.value },
            resolved: state
                .ended_ms
                .filter(|_| is_over)
                .map(|at| UtcMillis(at).to_string()),
            rule: state.rule,
            severity: state.severity,
            labels: state.labels.into_iter().collect(),
            title: text(state.title),
            page: state.page,
            deliveries,
        }
    }
}

fn shown(delivery: AlertDelivery) -> Delivery {
    Delivery {
        at: UtcMillis(delivery.tried_ms).to_string(),
        ok: delivery.state == DeliveryState::Delivered,
        error: match (delivery.error.is_empty(), delivery.state) {
            (false, _) => Some(delivery.error),
            (true, DeliveryState::Delivered) => None,
            (true, state) => Some(state.name().to_owned()),
        },
        receiver: delivery.receiver,
    }
}

fn text((en, zh): (String, String)) -> Text {
    Text { en, zh }
}
