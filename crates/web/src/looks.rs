//! Who looked at text of logs: before it is shown the audit has a row `log.view`, one for each reader, machine and log in ten minutes, so
//! that paging through a log is not thousands of rows. Which of them are fresh this process remembers; another one has rows of its own.

use crate::{api::now, error::ApiError, roles::Asker, server::Web};
use event::StreamId;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::Action;

/// Whoever looks again within this time has no second row.
const FRESH: Duration = Duration::from_secs(600);

/// Looks remembered: fifty readers with two hundred logs each. Past that all are forgotten, and have rows again.
const REMEMBERED: usize = 10_000;

/// A look at something.
pub(crate) struct Look {
    /// The machine, or the address of a page that shows text of several.
    object: String,
    /// Which log of it, or the machines of a page of several.
    log: String,
    told: Value,
}

impl Look {
    /// Looks at logs of one machine, each with the source bytes from the first to the last that were shown.
    pub(crate) fn at(
        endpoint: &str,
        shown: impl IntoIterator<Item = (StreamId, Range<u64>)>,
    ) -> Vec<Self> {
        let mut logs: BTreeMap<String, Range<u64>> = BTreeMap::new();
        for (stream, bytes) in shown {
            let of = logs.entry(stream.to_string()).or_insert(bytes.clone());
            *of = of.start.min(bytes.start)..of.end.max(bytes.end);
        }
        logs.into_iter()
            .map(|(stream, bytes)| Self {
                object: endpoint.to_owned(),
                told: json!({ "stream": stream, "from": bytes.start, "to": bytes.end }),
                log: stream,
            })
            .collect()
    }

    /// A look at a page with text of some machines.
    pub(crate) fn at_page(address: String, endpoints: Vec<&str>) -> Self {
        Self {
            object: address,
            // Text of another machine is another look.
            log: endpoints.join(" "),
            told: json!({ "endpoints": endpoints }),
        }
    }

    fn key(&self, asker: &Asker) -> Key {
        let of = |text: &str| text.to_owned();
        (of(asker.name()), of(&self.object), of(&self.log))
    }
}

type Key = (String, String, String);

/// Looks that have a row already.
#[derive(Default)]
pub(crate) struct Looks {
    noted: Mutex<HashMap<Key, Instant>>,
    /// Held while a row is written, so that two questions of one page have one.
    writing: tokio::sync::Mutex<()>,
}

impl Looks {
    fn noted(&self) -> MutexGuard<'_, HashMap<Key, Instant>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that have no fresh row.
    fn due<'a>(&self, looks: &'a [Look], asker: &Asker, at: Instant) -> Vec<&'a Look> {
        let noted = self.noted();
        let is_due = |look: &&Look| {
            let before = noted.get(&look.key(asker));
            before.is_none_or(|before| at.saturating_duration_since(*before) >= FRESH)
        };
        looks.iter().filter(is_due).collect()
    }

    /// They have a row now.
    fn keep(&self, looks: &[&Look], asker: &Asker, at: Instant) {
        let mut noted = self.noted();
        if noted.len() + looks.len() > REMEMBERED {
            noted.retain(|_, before| at.saturating_duration_since(*before) < FRESH);
        }
        if noted.len() + looks.len() > REMEMBERED {
            noted.clear();
        }
        noted.extend(looks.iter().map(|look| (look.key(asker), at)));
    }
}

impl Web {
    /// Puts looks into the audit. Without their rows nothing is shown.
    pub(crate) async fn note(&self, asker: &Asker, looks: &[Look]) -> Result<(), ApiError> {
        let at = Instant::now();
        if self.looks.due(looks, asker, at).is_empty() {
            return Ok(());
        }
        let _writing = self.looks.writing.lock().await;
        let due = self.looks.due(looks, asker, at);
        let actions: Vec<Action> = due
            .iter()
            .map(|look| Action {
                action: "log.view".to_owned(),
                object: look.object.clone(),
                before: String::new(),
                after: look.told.to_string(),
            })
            .collect();
        self.store
            .audit(&self.tenant, asker.name(), now().0 * 1_000, &actions)
            .await
            .map_err(ApiError::Unaudited)?;
        self.looks.keep(&due, asker, at);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(endpoint: &str) -> Vec<Look> {
        Look::at(endpoint, [(StreamId(1), 0..10)])
    }

    #[test]
    fn a_look_has_one_row_in_ten_minutes_and_memory_has_a_bound() {
        let (looks, asker, start) = (Looks::default(), Asker::default(), Instant::now());
        let one = look("pc-1");
        let due = |at| looks.due(&one, &asker, at).len();
        assert_eq!(due(start), 1);
        looks.keep(&looks.due(&one, &asker, start), &asker, start);
        let almost = start + FRESH - Duration::from_millis(1);
        assert_eq!((due(start), due(almost), due(start + FRESH)), (0, 0, 1));
        // Another log, another machine.
        for other in [Look::at("pc-1", [(StreamId(2), 0..10)]), look("pc-2")] {
            assert_eq!(looks.due(&other, &asker, start).len(), 1);
        }
        // What is not fresh goes first.
        let later = start + FRESH;
        for number in 0..REMEMBERED {
            let other = look(&format!("other-{number}"));
            looks.keep(&[&other[0]], &asker, later);
        }
        assert_eq!(looks.noted().len(), REMEMBERED);
        looks.keep(&[&one[0]], &asker, later);
        assert_eq!(looks.noted().len(), 1);
    }

    #[test]
    fn what_is_shown_of_a_log_is_one_look_at_it() {
        let shown = [
            (StreamId(2), 50..60),
            (StreamId(1), 5..9),
            (StreamId(2), 10..20),
        ];
        let told: Vec<Value> = Look::at("pc-1", shown)
            .into_iter()
            .map(|look| look.told)
            .collect();
        assert_eq!(
            told,
            [
                json!({ "stream": StreamId(1).to_string(), "from": 5, "to": 9 }),
                json!({ "stream": StreamId(2).to_string(), "from": 10, "to": 60 }),
            ]
        );
        assert!(Look::at("pc-1", []).is_empty());
    }
}
