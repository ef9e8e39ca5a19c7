//! When rules would have fired over what is stored: day by day of logged time, with what is known today.
//!
//! A day is looked at as it ended, and as pages show it now: what was logged on it, whenever that arrived, by the rules of today. So a
//! rule fires here on the day on which it could have known, and `for` counts in days: what must hold for less than one did so by its end.

use crate::{
    desk::Setting,
    measure::{self, Asked},
    message::Text,
    rule::Rule,
    rules::Rules,
    state::{Now, advance},
    text::{self, CauseTitles},
};
use classify::Rules as Words;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{AlertPhase, AlertState, Day, Store, StoreError};

/// One time that a rule would have fired.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The rule.
    pub rule: String,
    /// The group.
    pub labels: Vec<(String, String)>,
    /// What it would have been called.
    pub title: Text,
    /// First day at whose end it fires.
    pub from: Day,
    /// The day at whose end it is over; nothing where it goes on.
    pub to: Option<Day>,
    /// The greatest figure.
    pub peak: f64,
    /// The first ten PCs of its first day.
    pub pcs: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Backtest {
    /// In the order of time.
    pub firings: Vec<Firing>,
    /// Rules whose figures have no history: what is left to derive, who is silent.
    pub without_history: BTreeSet<String>,
    /// Days that were looked at.
    pub days: u32,
}

/// Days that are counted at once: what a day counts depends on no other.
const AT_ONCE: usize = 4;

/// Looks back over some days.
pub async fn backtest(
    store: &Store,
    setting: &Setting,
    rules: &Rules,
    words: &[&Words],
    (from, to): (Day, Day),
) -> Result<Backtest, StoreError> {
    let mut out = Backtest::default();
    let mut states: BTreeMap<(String, Vec<(String, String)>), AlertState> = BTreeMap::new();
    let mut titles = CauseTitles::new();
    for rule in rules.iter().filter(|rule| !rule.figure.is_of_tries()) {
        out.without_history.insert(rule.name.clone());
    }
    let of_tries = || rules.iter().filter(|rule| rule.figure.is_of_tries());
    let days: Vec<Day> = (from..=to).collect();
    for days in days.chunks(AT_ONCE) {
        let counts = days.iter().map(|&day| async move {
            let now = ended(day);
            let mut asked = Asked::new(store, &setting.tenant, now, 0.0, words).until(day);
            let counted = asked.count(of_tries()).await;
            (day, counted, asked.into_known().0)
        });
        for (day, mut counted, of_day) in futures_util::future::join_all(counts).await {
            out.days += 1;
            let now = ended(day);
            titles.extend(of_day);
            for rule in of_tries() {
                let samples = counted
                    .remove(&rule.name)
                    .unwrap_or_else(|| Ok(Vec::new()))?;
                let open = states
                    .values()
                    .filter(|state| state.rule == rule.name && state.phase.is_open())
                    .map(|state| &state.labels);
                let by_days = by_days(rule);
                let mut changed = Vec::new();
                for (labels, sample) in measure::groups(&samples, open) {
                    let key = (rule.name.clone(), labels.clone());
                    let before = states.get(&key);
                    let Some(state) = advance(&by_days, before, sample, now) else {
                        continue;
                    };
                    let fired_before = before.is_some_and(|before| {
                        before.phase == AlertPhase::Firing && before.episode == state.episode
                    });
                    let title = || {
                        let before = sample.and_then(|sample| sample.before.as_ref());
                        text::filled(&rule.title, &state, before, &titles)
                    };
                    note(&mut out, &state, fired_before, day, title);
                    changed.push((key, state));
                }
                states.extend(changed);
            }
        }
    }
    Ok(out)
}

/// The end of a day, as clocks of machines show it.
fn ended(day: Day) -> Now {
    let end = (i64::from(day) + 1) * 86_400;
    Now {
        utc_ms: end * 1_000,
        logged: end,
    }
}

/// Nobody looks between two days: what is new for a day, or fails for some hours, would never hold for the minutes that are asked for.
fn by_days(rule: &Rule) -> Rule {
    let hold = match rule.hold < Duration::from_secs(86_400) {
        true => Duration::ZERO,
        false => rule.hold,
    };
    Rule {
        hold,
        ..rule.clone()
    }
}

fn note(
    out: &mut Backtest,
    state: &AlertState,
    fired_before: bool,
    day: Day,
    title: impl FnOnce() -> Text,
) {
    if state.phase == AlertPhase::Firing && !fired_before {
        out.firings.push(Firing {
            rule: state.rule.clone(),
            labels: state.labels.clone(),
            title: title(),
            from: day,
            to: None,
            peak: state.peak,
            pcs: state.pcs.clone(),
        });
        return;
    }
    let last = out.firings.iter_mut().rev().find(|firing| {
        firing.to.is_none() && firing.rule == state.rule && firing.labels == state.labels
    });
    if let Some(firing) = last {
        firing.peak = firing.peak.max(state.peak);
        if state.phase == AlertPhase::Resolved {
            firing.to = Some(day);
        }
    }
}
