//! The updates of one endpoint: what became of each, over all its time.

use super::{
    Day, Filter,
    filter::CauseId,
    judged::Tried,
    states::{Stands, State},
    tries::Words,
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
        let (stands, mut words) = (Stands::now(&told), Words::default());
        let mut states: BTreeMap<String, State> = BTreeMap::new();
        self.each_machine(&told, &mut words, |words, machine| {
            let stands = stands.of(words, machine).into_iter();
            let of_kbs = stands.filter(|stand| stand.is_shown && !stand.is_found);
            states.extend(of_kbs.map(|stand| (words.text(stand.kb).to_owned(), stand.state)));
        })
        .await?;
        let mut updates: Vec<UpdateOfEndpoint> = states
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
                    state,
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
