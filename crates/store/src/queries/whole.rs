//! Lists of an endpoint as files hold them: whole, up to a bound, and not a page at a time.

use super::{
    Day,
    codes::EndpointCode,
    coverage::StreamSummary,
    derived::{ListedAttempt, ListedFinding},
    place::Place,
};
use crate::{error::Result, store::Store};

/// The first rows of a list, and how many it has in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole<T> {
    /// Up to the bound that was given.
    pub rows: Vec<T>,
    /// Of the list.
    pub total: u64,
}

impl Store {
    /// An endpoint's attempts, newest first.
    pub async fn whole_attempts(
        &self,
        tenant: &str,
        endpoint: &str,
        limit: usize,
    ) -> Result<Whole<ListedAttempt>> {
        let sets = self.sets_of(tenant, endpoint).await?;
        let (rows, ends, _) = self
            .attempts_page(tenant, endpoint, &sets, &Place::default(), limit)
            .await?;
        Ok(Whole {
            rows,
            total: ends.total,
        })
    }

    /// An endpoint's findings, most severe and latest first.
    pub async fn whole_findings(
        &self,
        tenant: &str,
        endpoint: &str,
        limit: usize,
    ) -> Result<Whole<ListedFinding>> {
        let sets = self.sets_of(tenant, endpoint).await?;
        let (rows, ends, _) = self
            .findings_page(tenant, endpoint, &sets, &Place::default(), limit)
            .await?;
        Ok(Whole {
            rows,
            total: ends.total,
        })
    }

    /// An endpoint's codes, those that most records carry first, and the days that they are told of.
    pub async fn whole_codes(
        &self,
        tenant: &str,
        endpoint: &str,
        limit: u64,
    ) -> Result<(Whole<EndpointCode>, Option<(Day, Day)>)> {
        let (rows, ends, days) = self
            .codes_page(tenant, endpoint, &Place::default(), limit)
            .await?;
        let total = ends.total;
        Ok((Whole { rows, total }, days))
    }

    /// An endpoint's logs, those of the latest records first. A page at a time, because of each its gaps and offsets are asked for too.
    pub async fn whole_streams(
        &self,
        tenant: &str,
        endpoint: &str,
        limit: usize,
    ) -> Result<Whole<StreamSummary>> {
        let mut whole = Whole {
            rows: Vec::new(),
            total: 0,
        };
        let mut from = Place::default();
        loop {
            let (rows, ends, _) = self.streams_page(tenant, endpoint, &from).await?;
            whole.rows.extend(rows);
            whole.total = ends.total;
            match ends.next {
                Some(next) if whole.rows.len() < limit => from = next,
                _ => break,
            }
        }
        whole.rows.truncate(limit);
        Ok(whole)
    }
}
