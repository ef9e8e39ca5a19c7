//! Rules in the store: what an evaluator runs comes from there and from nowhere else.

use crate::{
    measure,
    rule::{Figure, LANGUAGE},
    rules::Rules,
};
use classify::Fault;
use store::{AlertRuleSet, NewAlertRuleSet, RuleSetOrigin, Store, StoreError};

/// Why rules cannot be used, or were not published.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    /// They have faults, and the set before goes on.
    #[error("the alert rules have {} faults, the first at {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    Faults(Vec<Fault>),
    /// Some of their own tests do not hold.
    #[error("tests of alert rules do not hold: {0}\nhint: `cbsift alerts test` shows each of them")]
    Broken(String),
    /// The store cannot answer a question that a rule asks itself.
    #[error("rule `{rule}`: {error}")]
    Question {
        /// Which rule.
        rule: String,
        /// What the store said.
        error: StoreError,
    },
    /// A newer build published them.
    #[error(
        "alert rules {sequence} are of language {language}, this build speaks {LANGUAGE}\n\
         hint: upgrade this cbsift; to go back for good, run `cbsift alerts publish` of this build"
    )]
    Newer {
        /// Which.
        sequence: u32,
        /// The language they need.
        language: u32,
    },
    /// Somebody else published at the same moment, and theirs count.
    #[error(
        "alert rules {sequence} were published by somebody else at the same moment\nhint: publish again if yours are to count"
    )]
    Overtaken {
        /// Theirs.
        sequence: u32,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a publication did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// They are the newest rules now.
    Published,
    /// They were already.
    Nothing,
    /// The newest rules are a site's own, and stay.
    SiteStays,
}

/// Publishes files as the newest rules, all of them or, with a fault or a test that does not hold, none.
pub async fn publish(
    store: &Store,
    files: &[(String, String)],
    origin: RuleSetOrigin,
) -> Result<(u32, Did), RulesError> {
    let rules = Rules::load(files).map_err(RulesError::Faults)?;
    if let Some((rule, broken)) = rules.broken_tests().first() {
        return Err(RulesError::Broken(format!(
            "`{}`: {}",
            rule.name, broken.case
        )));
    }
    for rule in rules.iter().filter(|rule| rule.figure == Figure::Sql) {
        match measure::check(store, rule).await {
            Ok(()) => {}
            // Nothing is wrong with the rule.
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => {
                return Err(RulesError::Question {
                    rule: rule.name.clone(),
                    error,
                });
            }
        }
    }
    let before = store.alert_rules_mark().await?;
    let newest = store
        .publish_alert_rules(&NewAlertRuleSet {
            digest: rules.digest().to_owned(),
            language: LANGUAGE,
            origin,
            files: files.to_vec(),
        })
        .await?;
    if newest.set.digest != rules.digest() {
        return Err(RulesError::Overtaken {
            sequence: newest.sequence,
        });
    }
    let is_old = before.is_some_and(|(sequence, _)| sequence == newest.sequence);
    let did = if is_old { Did::Nothing } else { Did::Published };
    Ok((newest.sequence, did))
}

/// Publishes the shipped rules over shipped ones or none; a site's own stay.
pub async fn publish_shipped(store: &Store) -> Result<(u32, Did), RulesError> {
    if let Some(newest) = store.newest_alert_rules().await? {
        refuse_newer(&newest)?;
        if newest.set.origin == RuleSetOrigin::Site {
            return Ok((newest.sequence, Did::SiteStays));
        }
    }
    publish(store, &Rules::shipped_files(), RuleSetOrigin::Shipped).await
}

/// The newest rules of the store, where there are some.
pub(crate) async fn newest(store: &Store) -> Result<Option<(u32, Rules)>, RulesError> {
    let Some(newest) = store.newest_alert_rules().await? else {
        return Ok(None);
    };
    refuse_newer(&newest)?;
    let rules = Rules::load(&newest.set.files).map_err(RulesError::Faults)?;
    Ok(Some((newest.sequence, rules)))
}

fn refuse_newer(newest: &AlertRuleSet) -> Result<(), RulesError> {
    match newest.set.language > LANGUAGE {
        true => Err(RulesError::Newer {
            sequence: newest.sequence,
            language: newest.set.language,
        }),
        false => Ok(()),
    }
}
