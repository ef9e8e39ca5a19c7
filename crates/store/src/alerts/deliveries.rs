//! What is to be sent, a row before it is and a row after.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What became of a delivery; the later ones win over an earlier one of as many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent, or to be tried again.
    Intended,
    /// The receiver took it.
    Delivered,
    /// The receiver will never take it.
    Refused,
    /// Tried for too long.
    GivenUp,
}

impl DeliveryState {
    /// The name in the table and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        }
    }

    fn from_name(name: &str) -> Self {
        [Self::Delivered, Self::Refused, Self::GivenUp]
            .into_iter()
            .find(|state| state.name() == name)
            .unwrap_or(Self::Intended)
    }
}

/// A message to one receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertDelivery {
    /// To whom.
    pub receiver: String,
    /// The message's id.
    pub message: String,
    /// 0 = the first time.
    pub repetition: u32,
    /// The rule that it is about.
    pub rule: String,
    /// The message as JSON.
    pub body: String,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was written down, in UTC milliseconds.
    pub intended_ms: i64,
    /// When it was last tried.
    pub tried_ms: i64,
    /// Why the last try failed, or empty.
    pub error: String,
}

#[derive(Row, Serialize, Deserialize)]
struct DeliveryRow {
    tenant: String,
    receiver: String,
    message: String,
    repetition: u32,
    rule: String,
    body: String,
    state: String,
    attempts: u32,
    intended: i64,
    tried: i64,
    error: String,
    version: u64,
}

/// A delivery without its body.
#[derive(Row, Deserialize)]
struct SentRow {
    receiver: String,
    message: String,
    repetition: u32,
    rule: String,
    state: String,
    attempts: u32,
    intended: i64,
    tried: i64,
    error: String,
}

/// Deliveries shown at once, the latest of them.
const SENT: u64 = 5_000;

/// Messages named in one question: their ids are a part of its address, some 40 bytes each, and an address has 64 KiB.
const NAMED: usize = 500;

impl Store {
    /// Writes deliveries down, as one statement. One that is written down again without a try stays what it has become.
    pub async fn insert_alert_deliveries(
        &self,
        tenant: &str,
        deliveries: &[AlertDelivery],
    ) -> Result<()> {
        let rows = deliveries.iter().map(|of| DeliveryRow {
            tenant: tenant.to_owned(),
            receiver: of.receiver.clone(),
            message: of.message.clone(),
            repetition: of.repetition,
            rule: of.rule.clone(),
            body: of.body.clone(),
            state: of.state.name().to_owned(),
            attempts: of.attempts,
            intended: of.intended_ms,
            tried: of.tried_ms,
            error: of.error.clone(),
            version: u64::from(of.attempts) << 2 | of.state as u64,
        });
        self.insert_rows::<DeliveryRow, _>("alert_deliveries", rows)
            .await
    }

    /// What is left to send to a receiver, the oldest first.
    pub async fn intended_alert_deliveries(
        &self,
        tenant: &str,
        receiver: &str,
        limit: u64,
    ) -> Result<Vec<AlertDelivery>> {
        let query = self
            .sql(
                // Years of what was sent are looked through by small columns alone; bodies are read of what is left.
                "SELECT ?fields FROM alert_deliveries FINAL WHERE tenant = {tenant:String} AND receiver = {receiver:String} \
                   AND (message, repetition) IN (SELECT message, repetition FROM alert_deliveries \
                     WHERE tenant = {tenant:String} AND receiver = {receiver:String} GROUP BY message, repetition \
                     HAVING argMax(state, version) = 'intended') \
                   AND state = 'intended' ORDER BY intended, repetition, message LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("receiver", receiver)
            .param("limit", limit);
        self.deliveries("read what is left to send", query).await
    }

    /// What became of some messages, at all receivers: of each the last repetition, without its body.
    pub async fn alert_deliveries_of(
        &self,
        tenant: &str,
        messages: &[&str],
    ) -> Result<Vec<AlertDelivery>> {
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let query = self
            .page(
                "SELECT ?fields FROM (SELECT receiver, message, repetition, rule, state, attempts, intended, tried, error \
                   FROM alert_deliveries FINAL WHERE tenant = {tenant:String} AND message IN {messages:Array(String)} \
                   ORDER BY message, receiver, repetition DESC LIMIT 1 BY message, receiver) \
                 ORDER BY intended DESC, receiver, message LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("messages", messages)
            .param("limit", SENT);
        let rows: Vec<SentRow> = self.fetch_all("read what was sent", query).await?;
        Ok(rows
            .into_iter()
            .map(|row| AlertDelivery {
                receiver: row.receiver,
                message: row.message,
                repetition: row.repetition,
                rule: row.rule,
                body: String::new(),
                state: DeliveryState::from_name(&row.state),
                attempts: row.attempts,
                intended_ms: row.intended,
                tried_ms: row.tried,
                error: row.error,
            })
            .collect())
    }

    /// The receivers that some messages were written down for.
    pub async fn alert_receivers_of(
        &self,
        tenant: &str,
        messages: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>> {
        let query = "SELECT DISTINCT toString(receiver) FROM alert_deliveries \
             WHERE tenant = {tenant:String} AND message IN {messages:Array(String)}";
        self.words_of("read who was told", query, tenant, messages)
            .await
    }

    /// Those of some messages that nothing is written down of, for any receiver.
    pub async fn unwritten_alert_messages(
        &self,
        tenant: &str,
        messages: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>> {
        let query = "SELECT DISTINCT message FROM alert_deliveries \
             WHERE tenant = {tenant:String} AND message IN {messages:Array(String)}";
        let doing = "read which messages are written down";
        let written = self.words_of(doing, query, tenant, messages).await?;
        let unwritten = messages
            .iter()
            .filter(|message| !written.contains(**message));
        Ok(unwritten.map(|&message| message.to_owned()).collect())
    }

    /// One word a row of what is asked of messages, however many they are.
    async fn words_of(
        &self,
        doing: &str,
        query: &str,
        tenant: &str,
        messages: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>> {
        let messages: Vec<&str> = messages.iter().copied().collect();
        let mut words = BTreeSet::new();
        for some in messages.chunks(NAMED) {
            let query = self
                .sql(query)
                .param("tenant", tenant)
                .param("messages", some);
            words.extend(self.fetch_all::<String>(doing, query).await?);
        }
        Ok(words)
    }

    async fn deliveries(
        &self,
        doing: &str,
        query: clickhouse::query::Query,
    ) -> Result<Vec<AlertDelivery>> {
        let rows: Vec<DeliveryRow> = self.fetch_all(doing, query).await?;
        Ok(rows
            .into_iter()
            .map(|row| AlertDelivery {
                receiver: row.receiver,
                message: row.message,
                repetition: row.repetition,
                rule: row.rule,
                body: row.body,
                state: DeliveryState::from_name(&row.state),
                attempts: row.attempts,
                intended_ms: row.intended,
                tried_ms: row.tried,
                error: row.error,
            })
            .collect())
    }
}
