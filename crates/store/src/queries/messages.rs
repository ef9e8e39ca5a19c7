//! What came as messages of shippers' topics, beside what came as files.
//!
//! A message is known by path and format together: a path alone is what a sender says, and would hide what other formats show.

use crate::{error::Result, rows::Days, store::Store};
use event::{LoggedAt, MESSAGE_PATH};

/// The condition on a row of `coverage`, with [`MESSAGE_PATH`] as the parameter `messages`.
macro_rules! is_message {
    () => {
        "(startsWith(path, {messages:String}) AND format = 'event_json')"
    };
}
pub(crate) use is_message;

impl Store {
    /// The times of endpoints' messages on some days, as far as they have any.
    pub(crate) async fn message_spans(
        &self,
        tenant: &str,
        endpoints: &[&str],
        days: Days,
    ) -> Result<Vec<(String, LoggedAt, LoggedAt)>> {
        // Repeats change neither end, so nothing needs to be folded.
        let rows: Vec<(String, i64, i64)> = self.fetch_all(
            "read the times of messages",
            self.sql(
                &concat!(
                    "SELECT endpoint, assumeNotNull(min(first)), assumeNotNull(max(last)) FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND ",
                    is_message!(),
                    " AND first IS NOT NULL AND last IS NOT NULL AND {days} GROUP BY endpoint",
                )
                .replace("{days}", days.condition()),
            )
            .param("tenant", tenant)
            .param("endpoints", endpoints)
            .param("messages", MESSAGE_PATH)
            .param("first", days.first)
            .param("last", days.last),
        )
        .await?;
        let spans = rows.into_iter();
        Ok(spans
            .map(|(endpoint, first, last)| (endpoint, LoggedAt(first), LoggedAt(last)))
            .collect())
    }
}
