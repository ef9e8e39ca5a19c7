//! One evaluation after another: what is counted, what groups are in, what is written down to be sent.
//!
//! The order is what makes a repeat harmless. First everything that changed is written, as one statement, each row with the ids of the
//! messages that tell of it; then what is to be sent, with the same ids; then it is sent. Whoever is killed in between leaves rows from
//! which the next one makes the same messages.

mod outbox;

use crate::{
    compose::Composer,
    measure::{self, Asked, Baselines, Counted},
    message::{Message, Receivers, Status, Text},
    rule::{Figure, Rule},
    rules::Rules,
    state::{Now, Sample, advance},
    text::{self, CauseTitles},
};
use classify::Rules as Words;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{AlertEvaluation, AlertPhase, AlertState, Store, StoreError};
use tokio::sync::watch;

type Labels = Vec<(String, String)>;

/// What does not change while it runs.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Whose.
    pub tenant: String,
    /// The pages' address, without a slash at its end.
    pub base: String,
    /// What fires is said again after so long, by receivers that do not ask for it more often; zero = never.
    pub repeat: Duration,
}

/// Where an evaluation ends early, as if its process were killed there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// Before anything is written.
    BeforeStates,
    /// What groups are in is written, and nothing to be sent.
    AfterStates,
    /// Never.
    Never,
}

/// What an evaluation did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Messages that were written down.
    pub messages: Vec<Message>,
    /// Why rules could not be asked, by their names.
    pub errors: BTreeMap<String, String>,
    /// Groups that fire.
    pub firing: usize,
    /// Whether the store was asked about the fleet; otherwise nothing had been derived since the evaluation before.
    pub asked_fleet: bool,
}

/// The receiver that stands for the page: a message with it is written down, whoever else is there.
pub const PAGE: &str = "";

/// A group that is over for so long is no news to anybody who was away.
const NEWS_MS: i64 = 7 * 24 * 3_600 * 1_000;

/// What rules saw is written when something of it changed, and so often in any case: for the page's "last".
const SHOWN_MS: i64 = 60_000;

/// Fleet figures are asked again after so long also where nothing was derived: they go by the clock too.
const FLEET_MS: i64 = 60_000;

/// Everything that evaluation knows between two rounds.
pub struct Desk {
    store: Store,
    receivers: Arc<dyn Receivers>,
    setting: Setting,
    rules: Rules,
    words: Vec<Arc<Words>>,
    shipped: &'static Words,
    /// The latest episode of each group of each rule.
    states: BTreeMap<(String, Labels), AlertState>,
    /// Written as states, and not yet as messages.
    owed: Vec<Message>,
    /// How often what fires was said again, by message.
    repeated: BTreeMap<String, u32>,
    /// What was last counted of the fleet, and when, and what was derived then.
    fleet: BTreeMap<String, Vec<Sample>>,
    fleet_mark: Option<(u64, i64)>,
    /// Whether the round under way has asked about it.
    asked_fleet: bool,
    /// When what goes by days was last counted.
    slow_mark: Option<i64>,
    titles: CauseTitles,
    /// What updates are compared with, as it was last asked.
    baselines: Option<Baselines>,
    shown: Vec<AlertEvaluation>,
    /// Who says again what fires.
    tell: Option<watch::Sender<Vec<Message>>>,
}

impl Desk {
    /// Goes on from what the store knows; what is written as states and not as messages is written down first.
    pub async fn open(
        store: Store,
        receivers: Arc<dyn Receivers>,
        setting: Setting,
        rules: Rules,
        shipped: &'static Words,
        now: Now,
    ) -> Result<Self, StoreError> {
        let known = store.latest_alert_states(&setting.tenant).await?;
        let states = known
            .into_iter()
            .map(|state| ((state.rule.clone(), state.labels.clone()), state));
        let mut desk = Self {
            store,
            receivers,
            setting,
            rules,
            words: Vec::new(),
            shipped,
            states: states.collect(),
            owed: Vec::new(),
            repeated: BTreeMap::new(),
            fleet: BTreeMap::new(),
            fleet_mark: None,
            asked_fleet: false,
            slow_mark: None,
            titles: CauseTitles::new(),
            baselines: None,
            shown: Vec::new(),
            tell: None,
        };
        desk.warn_of_unknown_receivers();
        desk.recover(now).await?;
        Ok(desk)
    }

    /// Keeps somebody told of everything that fires. It is told that something is over before that is written down to be sent.
    pub(crate) fn tell_firing(&mut self, tell: watch::Sender<Vec<Message>>) {
        self.tell = Some(tell);
    }

    /// Other rules from now on.
    pub fn set_rules(&mut self, rules: Rules) {
        self.rules = rules;
        self.warn_of_unknown_receivers();
        self.fleet_mark = None;
        self.slow_mark = None;
    }

    /// What causes are called from now on, beside the shipped words.
    pub fn set_words(&mut self, words: Option<Arc<Words>>) {
        self.words = words.into_iter().collect();
        self.fleet_mark = None;
        self.slow_mark = None;
    }

    /// Messages of states that nobody wrote down, because their evaluator was killed in between.
    async fn recover(&mut self, now: Now) -> Result<(), StoreError> {
        let mut by_message: BTreeMap<(String, Status, String), Vec<AlertState>> = BTreeMap::new();
        for state in self.states.values() {
            let ended = state.ended_ms.unwrap_or(now.utc_ms);
            if now.utc_ms - ended > NEWS_MS {
                continue;
            }
            for (id, status) in [
                (&state.fired_message, Status::Firing),
                (&state.ended_message, Status::Resolved),
            ] {
                if !id.is_empty() {
                    let key = (id.clone(), status, state.rule.clone());
                    by_message.entry(key).or_default().push(state.clone());
                }
            }
        }
        let ids: BTreeSet<&str> = by_message.keys().map(|(id, ..)| id.as_str()).collect();
        let unwritten = self
            .store
            .unwritten_alert_messages(&self.setting.tenant, &ids)
            .await?;
        let mut owed = Vec::new();
        for ((id, status, rule), states) in &by_message {
            if unwritten.contains(id) {
                let states: Vec<&AlertState> = states.iter().collect();
                owed.extend(self.composer(rule).message(id, *status, &states));
            }
        }
        // First what began, then what is over.
        owed.sort_by_key(|message| message.status == Status::Resolved);
        self.owed = owed;
        self.write_down(now).await?;
        Ok(())
    }

    fn composer<'a>(&'a self, rule: &str) -> Composer<'a> {
        Composer {
            base: &self.setting.base,
            rule: self.rules.get(rule),
        }
    }

    /// One evaluation. `lag_s`: for how long nothing was evaluated as a whole.
    pub async fn round(&mut self, now: Now, lag_s: f64, kill: Kill) -> Result<Done, StoreError> {
        // What an earlier round could not write down goes first.
        let mut messages = self.write_down(now).await?;
        let counted = self.count(now, lag_s).await?;
        let (changed, errors) = self.advance(&counted, now);
        if kill == Kill::BeforeStates {
            return Ok(Done::default());
        }
        if !changed.is_empty() {
            self.store
                .insert_alert_states(&self.setting.tenant, &changed)
                .await?;
        }
        self.owed = self.compose(&changed);
        for state in changed {
            self.states
                .insert((state.rule.clone(), state.labels.clone()), state);
        }
        if kill == Kill::AfterStates {
            return Ok(Done::default());
        }
        if let Some(tell) = &self.tell {
            tell.send_replace(self.firing());
        }
        messages.extend(self.write_down(now).await?);
        self.repeat(now).await?;
        self.show(&counted, now).await?;
        let fires = |state: &&AlertState| state.phase == AlertPhase::Firing;
        Ok(Done {
            messages,
            errors,
            firing: self.states.values().filter(fires).count(),
            asked_fleet: self.asked_fleet,
        })
    }

    /// What every rule counts now. What is asked of the fleet is asked again where something was derived, or a minute has gone.
    async fn count(
        &mut self,
        now: Now,
        lag_s: f64,
    ) -> Result<BTreeMap<String, Counted>, StoreError> {
        let mark = self.store.derived_mark().await?;
        let is_recent = |at: i64| (0..FLEET_MS).contains(&(now.utc_ms - at));
        let is_fresh = self
            .fleet_mark
            .is_some_and(|(known, at)| known == mark && is_recent(at));
        let is_slow_fresh = self.slow_mark.is_some_and(is_recent);
        let words: Vec<&Words> = self
            .words
            .iter()
            .map(Arc::as_ref)
            .chain([self.shipped])
            .collect();
        let mut asked = Asked::new(&self.store, &self.setting.tenant, now, lag_s, &words)
            .knowing(self.baselines.take());
        let mut all: BTreeMap<String, Counted> = BTreeMap::new();
        for rule in self.rules.iter().filter(|rule| measure::is_of_fleet(rule)) {
            let is_known = match measure::is_slow(rule) {
                true => is_slow_fresh,
                false => is_fresh,
            };
            if let Some(samples) = self.fleet.get(&rule.name).filter(|_| is_known) {
                all.insert(rule.name.clone(), Ok(samples.clone()));
            }
        }
        let unknown = self
            .rules
            .iter()
            .filter(|rule| !all.contains_key(&rule.name));
        let counted = asked.count(unknown).await;
        all.extend(counted);
        let of_fleet = self.rules.iter().filter(|rule| measure::is_of_fleet(rule));
        let fleet: BTreeMap<String, Vec<Sample>> = of_fleet
            .filter_map(|rule| {
                let samples = all.get(&rule.name)?.as_ref().ok()?;
                Some((rule.name.clone(), samples.clone()))
            })
            .collect();
        // A site's own question that fails is asked again by itself, and no other rule with it.
        let is_whole = self.rules.iter().all(|rule| {
            rule.figure == Figure::Sql || all.get(&rule.name).is_none_or(Result::is_ok)
        });
        let (titles, baselines) = asked.into_known();
        self.titles.extend(titles);
        self.baselines = baselines;
        self.fleet = fleet;
        self.asked_fleet = !is_fresh;
        if !is_fresh {
            self.fleet_mark = is_whole.then_some((mark, now.utc_ms));
        }
        if !is_slow_fresh {
            self.slow_mark = is_whole.then_some(now.utc_ms);
        }
        Ok(all)
    }

    /// What changed, texts and messages included; and why rules could not be asked.
    fn advance(
        &self,
        counted: &BTreeMap<String, Counted>,
        now: Now,
    ) -> (Vec<AlertState>, BTreeMap<String, String>) {
        let mut changed = Vec::new();
        let mut errors = BTreeMap::new();
        for rule in self.rules.iter() {
            let samples = match counted.get(&rule.name) {
                Some(Ok(samples)) => samples,
                Some(Err(error)) => {
                    // Nothing is known, so nothing changes: neither a false alert nor a false end.
                    errors.insert(rule.name.clone(), error.to_string());
                    continue;
                }
                None => continue,
            };
            let open = self
                .states
                .values()
                .filter(|state| state.rule == rule.name && state.phase.is_open())
                .map(|state| &state.labels);
            for (labels, sample) in measure::groups(samples, open) {
                let before = self.states.get(&(rule.name.clone(), labels.clone()));
                if let Some(state) = advance(rule, before, sample, now) {
                    changed.push(self.worded(rule, state, sample));
                }
            }
        }
        // What a rule said that is no longer there is over with it.
        for state in self.states.values() {
            if state.phase.is_open() && self.rules.get(&state.rule).is_none() {
                changed.push(AlertState {
                    phase: match state.phase {
                        AlertPhase::Firing => AlertPhase::Resolved,
                        _ => AlertPhase::Dropped,
                    },
                    ended_ms: Some(now.utc_ms),
                    changes: state.changes + 1,
                    ..state.clone()
                });
            }
        }
        self.name_messages(&mut changed);
        (changed, errors)
    }

    fn worded(&self, rule: &Rule, mut state: AlertState, sample: Option<&Sample>) -> AlertState {
        // Without a sample there is nothing new to say, and its cause may have no title any more.
        if let Some(sample) = sample {
            let before = sample.before.as_ref();
            let title = text::filled(&rule.title, &state, before, &self.titles);
            let body = text::filled(&rule.text, &state, before, &self.titles);
            state.title = (title.en, title.zh);
            state.body = (body.en, body.zh);
            state.page = text::page(rule, &state.labels);
        }
        state
    }

    /// Writes what rules saw, for the page.
    async fn show(
        &mut self,
        counted: &BTreeMap<String, Counted>,
        now: Now,
    ) -> Result<(), StoreError> {
        let rows: Vec<AlertEvaluation> = self
            .rules
            .iter()
            .map(|rule| self.evaluation(rule, counted.get(&rule.name), now))
            .collect();
        let is_same = |rows: &[AlertEvaluation], shown: &[AlertEvaluation]| {
            let mut pairs = rows.iter().zip(shown);
            rows.len() == shown.len()
                && pairs.all(|(row, shown)| {
                    let at_ms = row.at_ms;
                    *row == AlertEvaluation {
                        at_ms,
                        ..shown.clone()
                    }
                })
        };
        let at = self.shown.first().map_or(i64::MIN, |shown| shown.at_ms);
        if is_same(&rows, &self.shown) && (0..SHOWN_MS).contains(&now.utc_ms.saturating_sub(at)) {
            return Ok(());
        }
        self.store
            .insert_alert_evaluations(&self.setting.tenant, &rows)
            .await?;
        self.shown = rows;
        Ok(())
    }

    fn evaluation(&self, rule: &Rule, counted: Option<&Counted>, now: Now) -> AlertEvaluation {
        let open: Vec<&AlertState> = self
            .states
            .values()
            .filter(|state| state.rule == rule.name && state.phase.is_open())
            .collect();
        let fires = open.iter().any(|state| state.phase == AlertPhase::Firing);
        let (state, error, greatest) = match counted {
            Some(Err(error)) => ("error", error.to_string(), None),
            Some(Ok(samples)) => {
                let greatest = samples.iter().max_by(|a, b| a.value.total_cmp(&b.value));
                let state = match (fires, open.is_empty()) {
                    (true, _) => "firing",
                    (false, false) => "pending",
                    (false, true) => "inactive",
                };
                (state, self.unknown_receivers(rule), greatest)
            }
            None => ("inactive", String::new(), None),
        };
        let pair = |text: &Text| (text.en.clone(), text.zh.clone());
        let title = text::without_fields(&rule.title);
        AlertEvaluation {
            rule: rule.name.clone(),
            severity: rule.severity.name().to_owned(),
            state: state.to_owned(),
            groups: u32::try_from(open.len()).unwrap_or(u32::MAX),
            value: greatest.map(|sample| sample.value),
            threshold: greatest.map(|sample| sample.must_reach(rule)),
            error,
            at_ms: now.utc_ms,
            title: pair(&title),
            about: pair(&rule.about),
            receivers: u16::try_from(self.receivers_of(&rule.name).len()).unwrap_or(u16::MAX),
        }
    }
}
