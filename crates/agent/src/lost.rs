//! What is lost of logs is told to the intake, so that pages know it too.
//!
//! Each gap once in the life of this process: told again it is the same there, so nothing of it is written down here.

use follow::{Gap, GapReason, Place};
use send::{ClientError, Lost, Uplink};
use std::collections::HashSet;
use std::time::Duration;

/// After a failure. Logs go before it: what is lost is so tomorrow, too.
const WAIT: Duration = Duration::from_secs(60);

/// An intake of an older build takes none; it may be upgraded.
const OLD_WAIT: Duration = Duration::from_secs(3_600);

/// What the intake was told.
#[derive(Default)]
pub(crate) struct Told {
    known: HashSet<(u32, u64, u64, GapReason)>,
    not_before: Duration,
    has_failed: bool,
}

impl Told {
    /// Tells what is new.
    pub(crate) fn tell(&mut self, place: &Place, uplink: &Uplink, name: &str, now: Duration) {
        if now < self.not_before {
            return;
        }
        let key = |log: u32, gap: Gap| (log, gap.from, gap.to, gap.reason);
        let mut untold = Vec::new();
        for log in place.logs() {
            let new = log.lost();
            let new = new.filter(|gap| !self.known.contains(&key(log.id, *gap)));
            untold.extend(new.map(|gap| (log, gap)));
        }
        for some in untold.chunks(event::upload::GAPS_MAX) {
            let paths: Vec<_> = some
                .iter()
                .map(|(log, _)| log.path.to_string_lossy())
                .collect();
            let lost: Vec<Lost<'_>> = std::iter::zip(some, &paths)
                .map(|((log, gap), path)| Lost {
                    source: log.source,
                    first_record: log.first_record,
                    path,
                    from: gap.from,
                    to: gap.to,
                    reason: gap.reason,
                })
                .collect();
            if let Err(error) = uplink.tell_lost(&lost) {
                self.failed(name, &error, now);
                return;
            }
            self.has_failed = false;
            self.known
                .extend(some.iter().map(|(log, gap)| key(log.id, *gap)));
        }
        if !untold.is_empty() {
            // Of logs that are forgotten nothing is told again.
            let is_there = |id: u32| place.logs().iter().any(|log| log.id == id);
            self.known.retain(|(id, ..)| is_there(*id));
        }
    }

    fn failed(&mut self, name: &str, error: &ClientError, now: Duration) {
        let is_old = error.is_of_the_build();
        let wait = if is_old { OLD_WAIT } else { WAIT };
        self.not_before = now + wait.mul_f64((1.0 + send::chance()) / 2.0);
        if !std::mem::replace(&mut self.has_failed, true) {
            let hint = match is_old {
                true => "; it is of an older build: upgrade it, and pages show what is lost",
                false => "",
            };
            let error = crate::status::one_line(&error.to_string());
            tracing::warn!(
                place = name,
                "the intake is not told yet what is lost: {error}{hint}"
            );
        }
    }
}
