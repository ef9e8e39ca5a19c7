//! Whose words a rule's findings are shown in: those of the store's newest rule set, a site's own included.

use classify::{Rule, Rules};
use std::{sync::Arc, time::Duration};
use store::{RuleSet, Store, StoreError};
use tokio::{sync::Mutex, time::Instant};

/// Pipelines look as often, so a finding of a new rule has its title when it is seen. One small read.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The texts of all rules that a finding may name.
///
/// Only texts are taken: a set that pipelines refuse, because a newer build published it, still says what its findings mean.
#[derive(Clone, Debug)]
pub(crate) struct RuleTexts {
    shipped: &'static Rules,
    /// Where it is another set, and loads.
    newest: Option<Arc<Rules>>,
    /// How many rules the store's newest set has; nothing where it does not load, or there is none.
    count: Option<usize>,
}

impl RuleTexts {
    pub(crate) fn new(shipped: &'static Rules) -> Self {
        Self {
            shipped,
            newest: None,
            count: None,
        }
    }

    /// How many rules the store's newest set has; nothing where this build cannot load it.
    pub(crate) fn count(&self) -> Option<usize> {
        self.count
    }

    /// The rules to read a line with.
    pub(crate) fn rules(&self) -> &Rules {
        self.newest.as_deref().unwrap_or(self.shipped)
    }

    /// A rule by its id. Findings outlive a set that left their rule out, so the shipped one answers then.
    pub(crate) fn get(&self, id: &str) -> Option<&Rule> {
        let newest = self.newest.as_ref().and_then(|rules| rules.get(id));
        newest.or_else(|| self.shipped.get(id))
    }
}

/// What the store was last seen to hold.
pub(crate) struct Newest {
    shipped: &'static Rules,
    state: Mutex<State>,
}

struct State {
    looked_at: Option<Instant>,
    /// Sequence and digest of the newest set seen, whether it loads or not: each is loaded once.
    seen: Option<(u32, String)>,
    texts: RuleTexts,
}

impl Newest {
    pub(crate) fn new(shipped: &'static Rules) -> Self {
        let state = State {
            looked_at: None,
            seen: None,
            texts: RuleTexts::new(shipped),
        };
        Self {
            shipped,
            state: Mutex::new(state),
        }
    }

    /// The texts to use now. Whoever asks after [`LOOK_EVERY`] looks at the store, the others wait for that one look.
    pub(crate) async fn texts(&self, store: &Store) -> RuleTexts {
        let mut state = self.state.lock().await;
        if state
            .looked_at
            .is_none_or(|looked_at| looked_at.elapsed() >= LOOK_EVERY)
        {
            if let Err(error) = self.look(&mut state, store).await {
                tracing::warn!(%error, "cannot look for a newer rule set, titles stay those of the one before");
            }
            // After the look: one that its reader gave up is made again.
            state.looked_at = Some(Instant::now());
        }
        state.texts.clone()
    }

    async fn look(&self, state: &mut State, store: &Store) -> Result<(), StoreError> {
        let newest = store.rule_set().await?;
        if newest == state.seen {
            return Ok(());
        }
        let (seen, newest) = match store.newest_rule_set().await? {
            None => (None, None),
            Some(stored) => {
                let seen = (stored.sequence, stored.set.digest.clone());
                (Some(seen), self.load(stored).await)
            }
        };
        let is_shipped = |(_, digest): &(u32, String)| digest == self.shipped.digest();
        let rules = match seen.as_ref().is_some_and(is_shipped) {
            true => Some(self.shipped),
            false => newest.as_deref(),
        };
        state.texts.count = rules.map(|rules| rules.iter().count());
        state.seen = seen;
        state.texts.newest = newest;
        Ok(())
    }

    /// A set's rules; none where they are the shipped ones or cannot be loaded.
    async fn load(&self, stored: RuleSet) -> Option<Arc<Rules>> {
        let RuleSet { sequence, set } = stored;
        // An early build published sets without texts.
        if set.digest == self.shipped.digest() || set.files.is_empty() {
            return None;
        }
        // Patterns are compiled: milliseconds of CPU that would hold up other answers.
        let loaded = tokio::task::spawn_blocking(move || {
            let files: Vec<(&str, &str)> = set
                .files
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            Rules::load(&files)
        })
        .await;
        match loaded {
            Ok(Ok(rules)) => Some(Arc::new(rules)),
            Ok(Err(faults)) => {
                let first = faults.first().map(ToString::to_string).unwrap_or_default();
                tracing::warn!(rule_set = sequence, faults = faults.len(), %first, "the newest rule set does not load, titles are those of the shipped rules");
                None
            }
            Err(error) => {
                tracing::warn!(rule_set = sequence, %error, "the newest rule set does not load, titles are those of the shipped rules");
                None
            }
        }
    }
}
