//! What narrows an answer: one object for every address that tells of the fleet.

use super::{
    alike,
    labels::{Pairs, read_labels},
    read_code, read_day,
};
use crate::{error::ApiError, server::Web};
use event::LoggedAt;
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{CauseId, Filter};

#[derive(Default, Deserialize)]
pub(crate) struct AskedFilter {
    from: Option<String>,
    to: Option<String>,
    kb: Option<String>,
    category: Option<String>,
    cause: Option<String>,
    code: Option<String>,
    endpoint: Option<String>,
}

impl AskedFilter {
    /// With the labels among all pairs of the query.
    pub(crate) fn read(self, pairs: &Pairs, web: &Web) -> Result<Filter, ApiError> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let day = |text, name| given(text).map(|text| read_day(&text, name)).transpose();
        Ok(Filter {
            tenant: web.tenant.to_string(),
            from: day(self.from, "from")?,
            to: day(self.to, "to")?,
            kb: given(self.kb).map(|kb| kb.to_ascii_uppercase()),
            category: given(self.category),
            cause: given(self.cause)
                .map(|text| read_cause(&text))
                .transpose()?,
            codes: match given(self.code) {
                Some(text) => alike(read_code(&text)?),
                None => Vec::new(),
            },
            endpoint: given(self.endpoint),
            labels: read_labels(pairs)?,
            now: Some(now()),
        })
    }
}

pub(super) fn read_cause(text: &str) -> Result<CauseId, ApiError> {
    CauseId::read(text).ok_or_else(|| ApiError::Request {
        message: format!("`cause={}` is no cause", super::shown(text)),
        hint: "give it as the overview's `id` of a cause, like disk_full~0x80070070",
    })
}

/// The time, in UTC as a clock there shows it.
pub(crate) fn now() -> LoggedAt {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    LoggedAt(since.map_or(0, |since| since.as_secs() as i64))
}
