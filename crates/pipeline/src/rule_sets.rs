//! The rule set in use: the newest one that the store holds, and never another one.

use classify::{CLASSIFIER_VERSION, Fault, Rules};
use std::{sync::Arc, time::Duration};
use store::{NewRuleSet, RuleSet, RuleSetOrigin, Store, StoreError};
use tokio::{
    sync::{Notify, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// A rule set taken from the store, ready to classify with.
#[derive(Debug)]
pub struct ActiveSet {
    /// Its place in the order of publications; every event records it.
    pub sequence: u32,
    /// Who wrote it.
    pub origin: RuleSetOrigin,
    /// The rules.
    pub rules: Rules,
}

/// Why the newest rule set of the store cannot be used. Until that changes nothing is classified: never with another set.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RuleSetError {
    /// The store holds none.
    #[error("the store holds no rule set\nhint: run `cbsift rules publish`")]
    Missing,
    /// An early build published it without its rules.
    #[error(
        "rule set {sequence} was published without its texts\nhint: run `cbsift rules publish`"
    )]
    NoTexts {
        /// Which.
        sequence: u32,
    },
    /// A newer build published it.
    #[error(
        "rule set {sequence} needs classifier version {needs}, this build has {has}\n\
         hint: upgrade this cbsift; to go back for good, run `cbsift rules publish` of this build"
    )]
    Newer {
        /// Which.
        sequence: u32,
        /// The version it was published for.
        needs: u32,
        /// The version of this build.
        has: u32,
    },
    /// Its texts do not load.
    #[error(
        "rule set {sequence} does not load: {faults}\nhint: publish rules that `cbsift rules lint` accepts"
    )]
    Faulty {
        /// Which.
        sequence: u32,
        /// All faults with file and line.
        faults: String,
    },
    /// Its texts are not those that were published.
    #[error(
        "the texts of rule set {sequence} are not those that were published\nhint: run `cbsift rules publish`"
    )]
    Altered {
        /// Which.
        sequence: u32,
    },
}

/// What a publication did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The newest rule set's sequence.
    pub sequence: u32,
    /// What was done about it.
    pub did: PublishedAs,
}

/// What a publication did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedAs {
    /// It is the newest set now.
    New,
    /// It was the newest set already.
    Unchanged,
    /// The newest set is a site's own, and stays.
    SiteStays,
    /// The newest set is a site's own; its texts are published again for this build, which reads records otherwise.
    SiteAgain,
}

/// Why a rule set was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The rules have faults.
    #[error("the rules have {} faults", .0.len())]
    Faults(Vec<Fault>),
    /// The newest set cannot be replaced by this build unasked.
    #[error(transparent)]
    Newest(#[from] RuleSetError),
    /// Somebody else published at the same moment, and theirs counts.
    #[error(
        "rule set {sequence} was published by somebody else at the same moment\nhint: publish again if yours is to count"
    )]
    Overtaken {
        /// Theirs.
        sequence: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Publishes rule files, `(name, text)`, as the newest set; a set that has faults is refused.
pub async fn publish(
    store: &Store,
    files: &[(String, String)],
    origin: RuleSetOrigin,
) -> Result<Published, PublishError> {
    let rules = load(files).map_err(PublishError::Faults)?;
    let before = store.rule_set().await?;
    let set = NewRuleSet {
        digest: rules.digest().to_owned(),
        classifier_version: CLASSIFIER_VERSION,
        origin,
        files: files.to_vec(),
    };
    let newest = store.publish_rule_set(&set).await?;
    if newest.set.digest != set.digest {
        return Err(PublishError::Overtaken {
            sequence: newest.sequence,
        });
    }
    let is_old = before.is_some_and(|(sequence, _)| sequence == newest.sequence);
    Ok(Published {
        sequence: newest.sequence,
        did: if is_old {
            PublishedAs::Unchanged
        } else {
            PublishedAs::New
        },
    })
}

/// What the start of `up` does: publishes the shipped set where the newest one is another shipped one, or none. A site's own
/// set stays; where this build reads records otherwise than the one that published it, its texts are published again.
pub async fn publish_shipped(store: &Store) -> Result<Published, PublishError> {
    let newest = store.newest_rule_set().await?;
    if let Some(RuleSet { sequence, set }) = newest {
        if set.classifier_version > CLASSIFIER_VERSION {
            return Err(PublishError::Newest(RuleSetError::Newer {
                sequence,
                needs: set.classifier_version,
                has: CLASSIFIER_VERSION,
            }));
        }
        if set.origin == RuleSetOrigin::Site && set.classifier_version == CLASSIFIER_VERSION {
            return Ok(Published {
                sequence,
                did: PublishedAs::SiteStays,
            });
        }
        if set.origin == RuleSetOrigin::Site {
            let again = publish(store, &set.files, RuleSetOrigin::Site).await?;
            return Ok(Published {
                did: PublishedAs::SiteAgain,
                ..again
            });
        }
    }
    let shipped: Vec<(String, String)> = Rules::shipped_files()
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    publish(store, &shipped, RuleSetOrigin::Shipped).await
}

/// The newest rule set of the store, or why it cannot be used.
pub async fn newest(store: &Store) -> Result<Result<ActiveSet, RuleSetError>, StoreError> {
    Ok(match store.newest_rule_set().await? {
        Some(set) => activate(set),
        None => Err(RuleSetError::Missing),
    })
}

pub(crate) fn load(files: &[(String, String)]) -> Result<Rules, Vec<Fault>> {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Rules::load(&files)
}

fn activate(stored: RuleSet) -> Result<ActiveSet, RuleSetError> {
    let RuleSet { sequence, set } = stored;
    if set.classifier_version > CLASSIFIER_VERSION {
        return Err(RuleSetError::Newer {
            sequence,
            needs: set.classifier_version,
            has: CLASSIFIER_VERSION,
        });
    }
    if set.files.is_empty() {
        return Err(RuleSetError::NoTexts { sequence });
    }
    let rules = load(&set.files).map_err(|faults| RuleSetError::Faulty {
        sequence,
        faults: faults
            .iter()
            .map(Fault::to_string)
            .collect::<Vec<_>>()
            .join("; "),
    })?;
    // A digest of another classifier version is another digest of the same texts.
    if set.classifier_version == CLASSIFIER_VERSION && rules.digest() != set.digest {
        return Err(RuleSetError::Altered { sequence });
    }
    Ok(ActiveSet {
        sequence,
        origin: set.origin,
        rules,
    })
}

/// What is in use, shared by the loops. A switch is one assignment, so a batch or a job that holds a set keeps it to its end.
pub(crate) struct Current {
    state: watch::Sender<State>,
    asked: Notify,
}

pub(crate) struct State {
    /// Sequence and digest of the newest set seen, usable or not.
    seen: Option<(u32, String)>,
    set: Result<Arc<ActiveSet>, RuleSetError>,
}

impl Current {
    /// Takes the newest set from the store.
    pub(crate) async fn start(store: &Store) -> Result<Self, StoreError> {
        let current = Self {
            state: watch::Sender::new(State {
                seen: None,
                set: Err(RuleSetError::Missing),
            }),
            asked: Notify::new(),
        };
        current.refresh(store).await?;
        if let Err(error) = current.get() {
            tracing::error!(%error, "the pipeline is not ready");
        }
        Ok(current)
    }

    /// The set to use now.
    pub(crate) fn get(&self) -> Result<Arc<ActiveSet>, RuleSetError> {
        self.state.borrow().set.clone()
    }

    /// Tells of every switch.
    pub(crate) fn subscribe(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// Whether a set is still the newest one of the store; asks for the newer one where it is not.
    pub(crate) async fn is_newest(
        &self,
        store: &Store,
        set: &ActiveSet,
    ) -> Result<bool, StoreError> {
        let newest = store.rule_set().await?;
        let is_newest = newest.is_some_and(|(sequence, _)| sequence == set.sequence);
        if !is_newest {
            self.asked.notify_one();
        }
        Ok(is_newest)
    }

    /// Looks for a newer set every `poll`, and when somebody has noticed one, until shutdown.
    pub(crate) async fn follow(&self, store: Store, poll: Duration, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(poll) => {}
                () = self.asked.notified() => {}
            }
            if let Err(error) = self.refresh(&store).await {
                // With the store away nothing is stored either; the set in use stays.
                tracing::warn!(%error, "cannot look for a newer rule set, the next look tries again");
            }
        }
    }

    async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let newest = store.rule_set().await?;
        if newest.is_some() && newest == self.state.borrow().seen {
            return Ok(());
        }
        let (seen, set) = match store.newest_rule_set().await? {
            None => (None, Err(RuleSetError::Missing)),
            Some(stored) => {
                let seen = (stored.sequence, stored.set.digest.clone());
                // Patterns are compiled: milliseconds of CPU that would hold up other tasks.
                let sequence = stored.sequence;
                let set = tokio::task::spawn_blocking(move || activate(stored))
                    .await
                    .unwrap_or_else(|error| {
                        Err(RuleSetError::Faulty {
                            sequence,
                            faults: error.to_string(),
                        })
                    });
                (Some(seen), set.map(Arc::new))
            }
        };
        let before = self.state.borrow().seen.clone();
        if seen == before && seen.is_none() {
            return Ok(());
        }
        match &set {
            Ok(set) => tracing::info!(rule_set = set.sequence, "a rule set is in use"),
            Err(error) if before.is_some() => {
                tracing::error!(%error, "classification is paused: the newest rule set cannot be used");
            }
            Err(_) => {}
        }
        self.state.send_replace(State { seen, set });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "
- id: made_up
  title: { en: Something broke, zh: 出错了 }
  advice: { en: [mend it], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: [Something broke] }
  tests: { match: [Something broke], no_match: [fine] }
";

    fn stored(classifier_version: u32, digest: Option<&str>, text: &str) -> RuleSet {
        let files = vec![("x.yaml".to_owned(), text.to_owned())];
        let digest = digest.map_or_else(
            || load(&files).map_or_else(|_| String::new(), |rules| rules.digest().to_owned()),
            str::to_owned,
        );
        RuleSet {
            sequence: 7,
            set: NewRuleSet {
                digest,
                classifier_version,
                origin: RuleSetOrigin::Site,
                files,
            },
        }
    }

    #[test]
    fn a_set_that_cannot_be_used_says_why_and_what_to_do() {
        let refused = |stored: RuleSet| activate(stored).expect_err("refused");
        assert!(activate(stored(CLASSIFIER_VERSION, None, RULE)).is_ok());
        assert!(activate(stored(CLASSIFIER_VERSION - 1, Some("of then"), RULE)).is_ok());
        assert_eq!(
            refused(stored(CLASSIFIER_VERSION + 1, None, RULE)),
            RuleSetError::Newer {
                sequence: 7,
                needs: CLASSIFIER_VERSION + 1,
                has: CLASSIFIER_VERSION
            }
        );
        assert_eq!(
            refused(stored(CLASSIFIER_VERSION, Some("another"), RULE)),
            RuleSetError::Altered { sequence: 7 }
        );
        let mut bare = stored(CLASSIFIER_VERSION, None, RULE);
        bare.set.files.clear();
        assert_eq!(refused(bare), RuleSetError::NoTexts { sequence: 7 });
        let faulty = refused(stored(
            CLASSIFIER_VERSION,
            None,
            &RULE.replace("error", "bad"),
        ));
        assert!(faulty.to_string().contains("x.yaml:6"), "{faulty}");
        assert!(faulty.to_string().contains("hint:"), "{faulty}");
    }
}
