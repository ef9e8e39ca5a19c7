//! Since when machines that were not heard of are silent: time in which nobody was heard says nothing of a machine.
//!
//! Where the intake, the queue or the pipelines were away for days, every machine was last heard of before that. What tells it apart from
//! machines that fell silent is that no log of any arrived: such days count for nobody.

use crate::{error::Result, queries::overview::SILENT_DAYS, store::Store};
use std::collections::BTreeSet;

const DAY_S: i64 = 86_400;

/// Days that are looked at: those after which a machine is no longer looked for, and a month in which nobody was heard.
const DAYS: i64 = 60;

/// When logs arrived at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hearing {
    /// Whoever was last heard of before this is silent, in seconds of UTC.
    pub silent_from: i64,
    /// For how long no log of any machine has arrived, in seconds; 0 where that was never noted.
    pub nobody_s: i64,
}

impl Store {
    /// Since when machines are silent, as of some time in seconds of UTC.
    pub async fn alert_hearing(&self, tenant: &str, now: i64) -> Result<Hearing> {
        let newest = self.last_contact(tenant).await?;
        let Some(newest) = newest.map(|newest| newest.0.div_euclid(1_000)) else {
            return Ok(Hearing {
                silent_from: now - SILENT_DAYS * DAY_S,
                nobody_s: 0,
            });
        };
        let first = now.saturating_sub(DAYS * DAY_S).max(0);
        // Text may have expired, and a machine's last contact is remembered for good.
        let days: Vec<(u8, u16)> = self
            .fetch_all(
                "read on which days logs arrived",
                self.page(
                    "SELECT DISTINCT 1 AS is_text, toUInt16(toDate(received_at)) FROM chunks \
                     WHERE tenant = {tenant:String} AND day >= toDate({day:UInt16}) AND received_at >= fromUnixTimestamp64Milli({first:Int64}, 'UTC') \
                     UNION ALL \
                     SELECT DISTINCT 0, toUInt16(toDate(contact)) FROM endpoints \
                     WHERE tenant = {tenant:String} AND contact >= fromUnixTimestamp64Milli({first:Int64}, 'UTC')",
                )
                .param("tenant", tenant)
                // A day on which nothing came but older text is one more that counts for nobody.
                .param("day", u16::try_from(first / DAY_S - DAYS).unwrap_or(0))
                .param("first", first * 1_000),
            )
            .await?;
        let text = days.iter().filter(|(is_text, _)| *is_text == 1);
        let oldest = text.map(|(_, day)| i64::from(*day)).min();
        let heard: BTreeSet<i64> = days.iter().map(|(_, day)| i64::from(*day)).collect();
        Ok(Hearing {
            silent_from: silent_from(newest.min(now), oldest, &heard),
            nobody_s: (now - newest).max(0),
        })
    }
}

/// Seven days before the last time that anybody was heard, of time in which somebody was: days on which nobody was are passed over. Of days
/// before the oldest text that is held nobody knows.
fn silent_from(last: i64, oldest: Option<i64>, heard: &BTreeSet<i64>) -> i64 {
    let mut left = SILENT_DAYS * DAY_S;
    let Some(oldest) = oldest else {
        return last - left;
    };
    let mut until = last;
    while left > 0 {
        let day = (until - 1).div_euclid(DAY_S);
        let span = until - day * DAY_S;
        if until == last || day <= oldest || heard.contains(&day) {
            if span >= left {
                return until - left;
            }
            left -= span;
        }
        until = day * DAY_S;
    }
    until
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon of the hundredth day.
    const NOON: i64 = 100 * DAY_S + DAY_S / 2;

    fn check(oldest: Option<i64>, unheard: &[i64], days_before: i64) {
        let heard = (0..=100).filter(|day| !unheard.contains(day)).collect();
        let from = silent_from(NOON, oldest, &heard);
        assert_eq!((NOON - from) / DAY_S, days_before, "{unheard:?}");
        assert_eq!((NOON - from) % DAY_S, 0);
    }

    #[test]
    fn days_on_which_nobody_was_heard_count_for_nobody() {
        check(Some(0), &[], 7);
        // Before the seven days, and today: no machine is silent by them.
        check(Some(0), &[90, 100], 7);
        check(Some(0), &[97, 98], 9);
        // A week and more away: the days before it count instead, and of them one was quiet too.
        check(Some(0), &[91, 92, 93, 94, 95, 96, 97, 98, 99], 16);
        check(Some(0), &[88, 91, 92, 93, 94, 95, 96, 97, 98, 99], 17);
        // Before the oldest text nothing is known.
        check(Some(97), &[94, 95, 98], 8);
        check(None, &[97, 98], 7);
    }
}
