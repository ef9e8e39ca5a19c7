//! What is to be sent: messages of what changed, to whom each goes, and what is said again.

use super::{Desk, PAGE};
use crate::{
    compose,
    message::{Message, Status},
    rule::Rule,
    state::Now,
};
use std::collections::{BTreeMap, BTreeSet};
use store::{AlertDelivery, AlertPhase, AlertState, DeliveryState, StoreError};

impl Desk {
    /// Gives episodes that just began to fire, or are just over, the id of the message that they share.
    pub(super) fn name_messages(&self, changed: &mut [AlertState]) {
        for status in [Status::Firing, Status::Resolved] {
            let mut of_rule: BTreeMap<String, Vec<usize>> = BTreeMap::new();
            for (at, state) in changed.iter().enumerate() {
                let is_new = match status {
                    Status::Firing => {
                        state.phase == AlertPhase::Firing && state.fired_message.is_empty()
                    }
                    Status::Resolved => state.phase == AlertPhase::Resolved,
                };
                if is_new {
                    of_rule.entry(state.rule.clone()).or_default().push(at);
                }
            }
            for (rule, places) in of_rule {
                let mut episodes: Vec<(&[(String, String)], u32)> = places
                    .iter()
                    .filter_map(|&at| changed.get(at))
                    .map(|state| (state.labels.as_slice(), state.episode))
                    .collect();
                episodes.sort();
                let id = compose::id(status, &rule, episodes.into_iter());
                for at in places {
                    if let Some(state) = changed.get_mut(at) {
                        match status {
                            Status::Firing => state.fired_message.clone_from(&id),
                            Status::Resolved => state.ended_message.clone_from(&id),
                        }
                    }
                }
            }
        }
    }

    /// The messages that just got their ids.
    pub(super) fn compose(&self, changed: &[AlertState]) -> Vec<Message> {
        let mut messages = Vec::new();
        for status in [Status::Firing, Status::Resolved] {
            let mut by_id: BTreeMap<&str, Vec<&AlertState>> = BTreeMap::new();
            for state in changed {
                let before = self
                    .states
                    .get(&(state.rule.clone(), state.labels.clone()))
                    .filter(|before| before.episode == state.episode);
                let (id, known) = match status {
                    Status::Firing => (
                        &state.fired_message,
                        before.is_some_and(|before| !before.fired_message.is_empty()),
                    ),
                    Status::Resolved => (&state.ended_message, false),
                };
                if !id.is_empty() && !known {
                    by_id.entry(id).or_default().push(state);
                }
            }
            for (id, states) in by_id {
                let rule = states.first().map_or("", |state| state.rule.as_str());
                messages.extend(self.composer(rule).message(id, status, &states));
            }
        }
        messages
    }

    /// Writes down what is to be sent, and to whom; returns it.
    pub(super) async fn write_down(&mut self, now: Now) -> Result<Vec<Message>, StoreError> {
        if self.owed.is_empty() {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        // Who is told here of what begins; what is over goes to those alone that were told of it.
        let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for message in &self.owed {
            rows.push(AlertDelivery {
                state: DeliveryState::Delivered,
                ..self.delivery(PAGE, message, 0, now)
            });
            let receivers = match message.status {
                Status::Firing => self.receivers_of(&message.rule),
                Status::Resolved => self.told_of(message, &told).await?,
            };
            for receiver in &receivers {
                rows.push(self.delivery(receiver, message, 0, now));
            }
            told.insert(message.id.clone(), receivers.into_iter().collect());
        }
        self.store
            .insert_alert_deliveries(&self.setting.tenant, &rows)
            .await?;
        Ok(std::mem::take(&mut self.owed))
    }

    /// Receivers that were told that the groups of a message fire, whatever their rule says by now.
    async fn told_of(
        &self,
        message: &Message,
        told: &BTreeMap<String, BTreeSet<String>>,
    ) -> Result<Vec<String>, StoreError> {
        let fired: BTreeSet<&str> = message
            .alerts
            .iter()
            .filter_map(|item| self.states.get(&(message.rule.clone(), item.group.clone())))
            .map(|state| state.fired_message.as_str())
            .filter(|id| !id.is_empty())
            .collect();
        let tenant = &self.setting.tenant;
        let mut heard = self.store.alert_receivers_of(tenant, &fired).await?;
        heard.extend(
            fired
                .iter()
                .filter_map(|id| told.get(*id))
                .flatten()
                .cloned(),
        );
        let mut names = self.receivers.names();
        names.retain(|name| heard.contains(name));
        Ok(names)
    }

    /// Receivers that a rule names and that are not there, as its error; empty where all are.
    pub(super) fn unknown_receivers(&self, rule: &Rule) -> String {
        let names = self.receivers.names();
        let unknown = rule.receivers.iter().filter(|name| !names.contains(name));
        let unknown: Vec<String> = unknown.map(|name| format!("`{name}`")).collect();
        match unknown.is_empty() {
            true => String::new(),
            false => format!(
                "names receivers that are not there: {}\nhint: add them to the file of `alerts.receivers`, or publish the rule without them",
                unknown.join(", ")
            ),
        }
    }

    /// Says at once what the page says too.
    pub(super) fn warn_of_unknown_receivers(&self) {
        for rule in self.rules.iter() {
            let error = self.unknown_receivers(rule);
            if !error.is_empty() {
                tracing::error!(rule = %rule.name, %error, "an alert rule would tell nobody, or too few");
            }
        }
    }

    pub(super) fn receivers_of(&self, rule: &str) -> Vec<String> {
        let wanted = self.rules.get(rule).map(|rule| rule.receivers.as_slice());
        let wanted = wanted.unwrap_or_default();
        let mut names = self.receivers.names();
        names.retain(|name| wanted.is_empty() || wanted.contains(name));
        names
    }

    fn delivery(
        &self,
        receiver: &str,
        message: &Message,
        repetition: u32,
        now: Now,
    ) -> AlertDelivery {
        let said = Message {
            repetition,
            ..message.clone()
        };
        AlertDelivery {
            receiver: receiver.to_owned(),
            message: message.id.clone(),
            repetition,
            rule: message.rule.clone(),
            body: serde_json::to_string(&said).unwrap_or_default(),
            state: DeliveryState::Intended,
            attempts: 0,
            intended_ms: now.utc_ms,
            tried_ms: now.utc_ms,
            error: String::new(),
        }
    }

    /// Everything that fires, one message a rule: for whoever wants to hear it again. Its id is that of the first message about it.
    pub(super) fn firing(&self) -> Vec<Message> {
        let mut by_rule: BTreeMap<&str, Vec<&AlertState>> = BTreeMap::new();
        for state in self.states.values() {
            if state.phase == AlertPhase::Firing {
                by_rule.entry(&state.rule).or_default().push(state);
            }
        }
        by_rule
            .into_iter()
            .filter_map(|(rule, states)| {
                let first = states.iter().min_by_key(|state| state.fired_ms)?;
                let id = first.fired_message.clone();
                self.composer(rule).message(&id, Status::Firing, &states)
            })
            .collect()
    }

    /// Says again what has fired for long. Which repetition it is follows from when it began, so a restart repeats none.
    pub(super) async fn repeat(&mut self, now: Now) -> Result<(), StoreError> {
        let every = i64::try_from(self.setting.repeat.as_millis()).unwrap_or(i64::MAX);
        if every == 0 {
            return Ok(());
        }
        let firing = self.firing();
        let mut rows = Vec::new();
        let mut repeated = BTreeMap::new();
        for message in &firing {
            let begin = message.starts_at.duration_since(std::time::UNIX_EPOCH);
            let begin = begin.map_or(0, |begin| i64::try_from(begin.as_millis()).unwrap_or(0));
            let times = u32::try_from((now.utc_ms - begin).max(0) / every).unwrap_or(0);
            let known = self.repeated.get(&message.id).copied();
            repeated.insert(message.id.clone(), times);
            if times == 0 || known == Some(times) {
                continue;
            }
            for receiver in self.receivers_of(&message.rule) {
                if self.receivers.resend(&receiver).is_none() {
                    rows.push(self.delivery(&receiver, message, times, now));
                }
            }
        }
        if !rows.is_empty() {
            self.store
                .insert_alert_deliveries(&self.setting.tenant, &rows)
                .await?;
        }
        self.repeated = repeated;
        Ok(())
    }
}
