//! What narrows an answer: one object for every address that tells of the fleet.

use super::{
    alike,
    labels::{Pairs, read_labels},
    read_code, read_day,
};
use crate::{error::ApiError, schema::DayText, server::Web};
use event::LoggedAt;
use serde::Deserialize;
use std::time::{SystemTime, UNIX_EPOCH};
use store::{CauseId, Filter};
use utoipa::IntoParams;

#[derive(Default, Deserialize, IntoParams)]
pub(crate) struct AskedFilter {
    /// The first day. Without `from` and `to` a range is the last 30 days until today; where all data is older, those up to the last day
    /// that holds some.
    #[param(value_type = Option<DayText>, inline)]
    from: Option<String>,
    /// The last day.
    #[param(value_type = Option<DayText>, inline)]
    to: Option<String>,
    /// The name of an update.
    kb: Option<String>,
    /// A category of causes.
    category: Option<String>,
    /// The `id` of a cause.
    cause: Option<String>,
    /// A code in any spelling; those that say the same are meant too.
    code: Option<String>,
    /// The id of a PC.
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
