//! The updates of one endpoint: what became of each, over all its time.

use super::{
    Day, Filter,
    filter::CauseId,
    judged::Tried,
    states::{State, states},
};
use crate::{error::Result, store::Store};
use event::LoggedAt;
use std::collections::BTreeMap;

/// An update as it stands on one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateOfEndpoint {
    /// `KB5014692`
    pub kb: String,
    /// Its state there.
    pub state: State,
    /// When the run of equal ends began that its last try belongs to, as logged.
    pub since: Option<LoggedAt>,
    /// What its last failure failed by.
    pub cause: Option<CauseId>,
    /// Its tries.
    pub attempts: u64,
}

impl Store {
    /// Every update that an endpoint tried, by the states of the fleet's pages over all time; those first that changed last.
    pub(super) async fn updates_of(
        &self,
        tenant: &str,
        endpoint: &str,
        tries: &[Tried],
    ) -> Result<Vec<UpdateOfEndpoint>> {
        let filter = Filter {
            tenant: tenant.to_owned(),
            endpoint: Some(endpoint.to_owned()),
            ..Filter::default()
        };
        let mut of_kb: BTreeMap<&str, Vec<&Tried>> = BTreeMap::new();
        for tried in tries.iter().filter(|tried| !tried.attempt.kb.is_empty()) {
            of_kb.entry(&tried.attempt.kb).or_default().push(tried);
        }
        if of_kb.is_empty() {
            return Ok(Vec::new());
        }
        let told = self.told(&filter, 0, Day::MAX).await?;
        let sql = format!(
            "SELECT toString(kb) AS kb, min(state) AS state FROM {} WHERE shown AND NOT found AND kb != '' GROUP BY kb",
            states(&told, false)
        );
        let rows: Vec<(String, u8)> = self
            .fetch_all("read the updates of an endpoint", told.ask(self, &sql))
            .await?;
        let mut updates: Vec<UpdateOfEndpoint> = rows
            .into_iter()
            .filter_map(|(kb, state)| {
                let mut tries = of_kb.remove(kb.as_str())?;
                // Without an end nobody knows when it was.
                tries.sort_by_key(|tried| {
                    (tried.attempt.end.or(tried.attempt.start), tried.attempt.id)
                });
                let known = || {
                    let known = tries.iter().rev();
                    known.filter(|tried| tried.attempt.outcome != event::Outcome::Unknown)
                };
                let is_failure = |tried: &&&Tried| tried.attempt.outcome.is_failure();
                let last = known().next();
                let run = known().take_while(|tried| {
                    last.is_some_and(|last| {
                        last.attempt.outcome == tried.attempt.outcome
                            || (is_failure(&last) && is_failure(tried))
                    })
                });
                Some(UpdateOfEndpoint {
                    state: State::from_rank(state),
                    since: run
                        .last()
                        .or_else(|| tries.last())
                        .and_then(|tried| tried.attempt.end.or(tried.attempt.start)),
                    cause: known().find(is_failure).map(|tried| tried.cause()),
                    attempts: tries.len() as u64,
                    kb,
                })
            })
            .collect();
        updates.sort_by(|one, other| {
            let order = |update: &UpdateOfEndpoint| std::cmp::Reverse(update.since);
            order(one)
                .cmp(&order(other))
                .then_with(|| one.kb.cmp(&other.kb))
        });
        Ok(updates)
    }
}

impl Tried {
    /// What tells its cause from others, of a try that failed.
    fn cause(&self) -> CauseId {
        let category = match self.category.as_str() {
            "" => "unclassified",
            category => category,
        };
        CauseId::of(&self.rule, category, self.root)
    }
}
