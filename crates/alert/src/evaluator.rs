//! The role: evaluates while it may, sends what is written down, and takes newer rules as they are published.

use crate::{
    claim::Claim,
    delivery::{Resender, Sender, now_ms},
    desk::{Desk, Done, Kill, Setting},
    message::{Message, Receivers},
    metrics::Status,
    pace::Pace,
    publish,
    rules::Rules,
    state::Now,
};
use classify::Rules as Words;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Store, StoreError};
use tokio::{
    sync::{Mutex, Notify, watch},
    task::JoinSet,
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// What evaluates.
pub struct Evaluator {
    /// Asked for figures, and written to.
    pub store: Store,
    /// Who is told.
    pub receivers: Arc<dyn Receivers>,
    /// Whether this process evaluates.
    pub claim: Arc<Claim>,
    /// What does not change.
    pub setting: Setting,
    /// Between two evaluations, where they do not take long.
    pub interval: Duration,
    /// What causes are called.
    pub words: &'static Words,
    /// What it does, for health and metrics.
    pub status: Status,
}

/// After an error, and where there are no rules yet.
const AGAIN: Duration = Duration::from_secs(2);

/// What the desk goes by, each with what tells it from others: as it was last read.
#[derive(Default)]
struct Known {
    rules: Option<(u32, String)>,
    words: Option<(u32, String)>,
}

impl Evaluator {
    /// Evaluates until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        while self.claim.acquire(&stop).await {
            tracing::info!("alerts are evaluated here");
            self.status.set_evaluates(true);
            let held = stop.child_token();
            let mut senders = JoinSet::new();
            let (firing, wakes) = self.start(&mut senders, &held);
            tokio::select! {
                () = self.claim.keep(&held) => {
                    if !stop.is_cancelled() {
                        tracing::warn!("another process evaluates alerts now");
                    }
                }
                () = self.rounds(&firing, &wakes, &held) => {}
            }
            held.cancel();
            while senders.join_next().await.is_some() {}
            self.status.set_evaluates(false);
        }
    }

    /// Starts what sends, each receiver by itself.
    fn start(
        &self,
        senders: &mut JoinSet<()>,
        held: &CancellationToken,
    ) -> (watch::Sender<Vec<Message>>, Vec<Arc<Notify>>) {
        let firing = watch::Sender::new(Vec::new());
        let mut wakes = Vec::new();
        for name in self.receivers.names() {
            let wake = Arc::new(Notify::new());
            wakes.push(Arc::clone(&wake));
            let turn = Arc::new(Mutex::new(()));
            let sender = Sender {
                store: self.store.clone(),
                tenant: self.setting.tenant.clone(),
                receivers: Arc::clone(&self.receivers),
                name: name.clone(),
                claim: Arc::clone(&self.claim),
                wake,
                turn: Arc::clone(&turn),
            };
            senders.spawn(sender.run(held.clone()));
            if let Some(every) = self.receivers.resend(&name) {
                let resender = Resender {
                    receivers: Arc::clone(&self.receivers),
                    name,
                    every,
                    claim: Arc::clone(&self.claim),
                    firing: firing.subscribe(),
                    turn,
                };
                senders.spawn(resender.run(held.clone()));
            }
        }
        (firing, wakes)
    }

    async fn rounds(
        &self,
        firing: &watch::Sender<Vec<Message>>,
        wakes: &[Arc<Notify>],
        held: &CancellationToken,
    ) {
        let mut desk: Option<Desk> = None;
        let mut known = Known::default();
        let mut pace = Pace::new(self.interval);
        while !held.is_cancelled() {
            let begin = Instant::now();
            let pause = match self.one(&mut desk, &mut known, firing).await {
                Ok(Some(done)) => {
                    if !done.messages.is_empty() {
                        wakes.iter().for_each(|wake| wake.notify_one());
                    }
                    let took = begin.elapsed();
                    self.status
                        .evaluated(took, done.firing, done.errors.len() as u64);
                    pace.rest(took, done.asked_fleet)
                }
                Ok(None) => AGAIN,
                Err(error) => {
                    // What is written may be more than what is known: it is read again. Until then nothing is said again.
                    firing.send_replace(Vec::new());
                    desk = None;
                    known = Known::default();
                    pace = Pace::new(self.interval);
                    self.status.failed(begin.elapsed());
                    tracing::warn!(%error, "alerts cannot be evaluated, tried again");
                    AGAIN
                }
            };
            tokio::select! {
                () = held.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One evaluation. Nothing where there are no rules, or another one evaluates.
    async fn one(
        &self,
        desk: &mut Option<Desk>,
        known: &mut Known,
        firing: &watch::Sender<Vec<Message>>,
    ) -> Result<Option<Done>, StoreError> {
        let now = Now::at(now_ms());
        // Nothing may be written by who no longer evaluates. To open a desk is to write what another one left unwritten.
        if desk.is_none() && !self.claim.holds().await? {
            return Ok(None);
        }
        let newest = self.store.alert_rules_mark().await?;
        if newest != known.rules || desk.is_none() {
            if let Some(found) = self.newest_rules().await? {
                match desk {
                    Some(desk) => desk.set_rules(found),
                    None => {
                        let mut open = self.open(found, now).await?;
                        open.tell_firing(firing.clone());
                        *desk = Some(open);
                    }
                }
            }
            known.rules = newest;
        }
        let Some(desk) = desk else {
            return Ok(None);
        };
        let newest = self.store.rule_set().await?;
        if newest != known.words {
            desk.set_words(self.newest_words().await?);
            known.words = newest;
        }
        if !self.claim.holds().await? {
            return Ok(None);
        }
        let lag = self.status.lag().unwrap_or_default();
        let done = desk
            .round(now, lag.as_secs_f64().floor(), Kill::Never)
            .await?;
        for (rule, error) in &done.errors {
            tracing::warn!(%rule, %error, "an alert rule cannot be evaluated");
        }
        Ok(Some(done))
    }

    async fn open(&self, rules: Rules, now: Now) -> Result<Desk, StoreError> {
        Desk::open(
            self.store.clone(),
            Arc::clone(&self.receivers),
            self.setting.clone(),
            rules,
            self.words,
            now,
        )
        .await
    }

    /// The newest rules, or none where they cannot be used: those in use go on.
    async fn newest_rules(&self) -> Result<Option<Rules>, StoreError> {
        match publish::newest(&self.store).await {
            Ok(Some((sequence, rules))) => {
                self.status.set_trouble(None);
                let count = rules.iter().count();
                tracing::info!(sequence, rules = count, "alert rules are in use");
                Ok(Some(rules))
            }
            Ok(None) => {
                let said = "no alert rules are published\nhint: run `cbsift alerts publish`";
                self.status.set_trouble(Some(said.to_owned()));
                Ok(None)
            }
            Err(publish::RulesError::Store(error)) => Err(error),
            Err(error) => {
                // Where there are none to go on with they are looked at every two seconds.
                if self.status.set_trouble(Some(error.to_string())) {
                    tracing::error!(%error, "the newest alert rules cannot be used");
                }
                Ok(None)
            }
        }
    }

    /// What a site's own rules call causes; the shipped words answer for the rest.
    async fn newest_words(&self) -> Result<Option<Arc<Words>>, StoreError> {
        let Some(newest) = self.store.newest_rule_set().await? else {
            return Ok(None);
        };
        if newest.set.digest == self.words.digest() || newest.set.files.is_empty() {
            return Ok(None);
        }
        // Patterns are compiled: milliseconds of CPU that would hold up others.
        let loaded = tokio::task::spawn_blocking(move || {
            let files: Vec<(&str, &str)> = newest
                .set
                .files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            Words::load(&files).ok()
        });
        Ok(loaded.await.ok().flatten().map(Arc::new))
    }
}
