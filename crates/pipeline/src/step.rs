//! The step from a chunk to its rows. Live and reprocessing take the same one.

// Works on the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use crate::Config;
use classify::{Rules, classify};
use event::Chunk;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use store::{ChunkRows, Unread};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A chunk that cannot be classified, and the panic's message: a bug of ours, and harm to nobody else's data.
pub(crate) struct Poison {
    pub(crate) chunk: Arc<Chunk>,
    pub(crate) reason: String,
}

/// Classifies a chunk. A panic stays with its chunk.
pub(crate) fn rows_of(
    rules: &Rules,
    config: &Config,
    chunk: Arc<Chunk>,
) -> Result<ChunkRows, Box<Poison>> {
    if chunk.is_gap() {
        return Ok(ChunkRows::new(chunk));
    }
    let work = || {
        #[cfg(feature = "testing")]
        if is_planted(&config.planted.panics, &chunk) {
            panic!("planted by a test");
        }
        classify(rules, &chunk)
    };
    let classified = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(classified) => classified,
        Err(panic) => {
            let reason = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_else(|| "panic without a message".to_owned());
            return Err(Box::new(Poison { chunk, reason }));
        }
    };
    let received_ms = chunk.received_ms;
    let mut rows = ChunkRows::new(chunk);
    rows.events = classified.events;
    rows.noise = classified.noise;
    rows.anchors = classified.anchors;
    rows.records = u32::try_from(classified.records).unwrap_or(u32::MAX);
    rows.unread = Unread {
        orphans: classified.orphans,
        loose_bytes: classified.loose_bytes,
        half_read: classified.half_read,
    };
    rows.first = classified.first;
    rows.last = classified.last;
    rows.hosts = parse::event_json::hosts(&rows.chunk.text);
    rows.codes = classified.codes;
    rows.kbs = classified.kbs;
    let keep_days = if rows.is_evidence() {
        config.keep_evidence_days
    } else {
        config.keep_days
    };
    rows.keep_until_day = keep_until(received_ms, keep_days);
    Ok(rows)
}

/// Whether a test has planted a fault in this chunk.
#[cfg(feature = "testing")]
pub(crate) fn is_planted(needle: &str, chunk: &Chunk) -> bool {
    !needle.is_empty() && chunk.text.contains(needle)
}

/// The last day a chunk is kept. One whose receipt nobody noted is kept until space is needed.
fn keep_until(received_ms: i64, keep_days: Option<u16>) -> u16 {
    match keep_days {
        Some(days) if received_ms > 0 => {
            u16::try_from(received_ms / DAY_MS + i64::from(days)).unwrap_or(ChunkRows::KEEP)
        }
        _ => ChunkRows::KEEP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_counted() {
        let text = "no record\n2022-08-18 15:53:46, Info                  CBS    made up\n";
        let chunk = store::testing::chunk("e", 0, text, false);
        let rows = rows_of(classify::Rules::shipped(), &Config::default(), chunk.into());
        let unread = rows.map(|rows| rows.unread).unwrap_or_default();
        let loose_bytes = "no record\n".len() as u64;
        assert_eq!(
            unread,
            Unread {
                loose_bytes,
                ..Unread::default()
            }
        );
    }

    #[test]
    fn text_is_kept_from_its_receipt_on() {
        assert_eq!(keep_until(10 * DAY_MS + 5, Some(30)), 40);
        assert_eq!(keep_until(0, Some(30)), ChunkRows::KEEP);
        assert_eq!(keep_until(10 * DAY_MS, None), ChunkRows::KEEP);
    }
}
