//! A log that is followed: what it is, where it lies now, and how far it is acknowledged.

use crate::print::{FileKey, Hash, Print};
use crate::zeros::Zeros;
use event::{Format, GapReason, Source, TextEncoding};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Where a log's bytes lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Container {
    /// In a file of its own.
    #[default]
    Plain,
    /// In a cabinet, which never changes.
    Cabinet {
        /// Name of the member.
        member: String,
        /// What of it can be read: less than its size where the cabinet is damaged.
        readable: u64,
        /// Size of the cabinet.
        packed: u64,
        /// When it was written, in nanoseconds since 1970: with size and index it tells that it is the same one.
        modified: i64,
    },
    /// In a file of the Windows event log service, whose oldest records make room for new ones.
    EventLog {
        /// The newest record that is acknowledged; 0 before the first.
        record: u64,
    },
}

/// What was seen and is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The first byte that is missing; of an event log the first record.
    pub from: u64,
    /// The end of what was seen.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
}

/// Gaps of an event log that are kept, beside those of the last look: each was told by then.
const GAPS_KEPT: usize = 8;

/// A log that is followed, or was.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Log {
    /// Tells it from the others of its place.
    pub id: u32,
    /// Where it lies, or lay last.
    pub path: PathBuf,
    /// The file it is in now; none where that is gone.
    pub key: Option<FileKey>,
    /// How it lies in that file.
    pub container: Container,
    /// The kind of log.
    pub source: Source,
    /// What it is encoded in.
    pub encoding: TextEncoding,
    /// How its records are laid out.
    pub format: Format,
    /// The sender's half of the stream's identity; none before its first line is complete.
    pub first_record: Option<u64>,
    /// Another log of this place begins with the same line, so the number above is made of more than that line.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forked: bool,
    /// Where reading goes on: the start of the last record, which may have gone on.
    pub offset: u64,
    /// Its content, as far as it is acknowledged.
    pub print: Print,
    /// Its size when it was last looked at; of a cabinet's member, unpacked.
    pub size: u64,
    /// Its size at a look, and what stood before it then: what is not acknowledged yet is known by that.
    #[serde(default)]
    pub(crate) seen: Option<(u64, Hash)>,
    /// Where zeros began, and the size up to which nothing else was seen: space that was made beforehand, and is no content yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) zeros: Option<(u64, u64)>,
    /// Nothing more will come from it, unless its content turns up again.
    pub done: bool,
    /// What of it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// Gaps of an event log before that one.
    #[serde(default)]
    pub gaps_before: u64,
    /// The last of these, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Gap>,

    /// What only the running process knows.
    #[serde(skip)]
    pub(crate) now: Now,
}

/// Moments on the process's own clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Now {
    /// When its size was last seen to change.
    pub(crate) grown_at: Duration,
    /// Since when there is something to send.
    pub(crate) waiting_since: Option<Duration>,
    /// Since when its file is gone.
    pub(crate) missing_since: Option<Duration>,
    /// When its old handle was first read to the end.
    pub(crate) ended_at: Option<Duration>,
    /// It was read to the end twice since its file went away: nobody writes to it any more.
    pub(crate) ended: bool,
    /// The size of its file when something to send was looked for.
    pub(crate) looked_at: Option<u64>,
    /// A file that held it, and holds another content by now.
    pub(crate) left: Option<FileKey>,
    /// What this process handed out last of an event log is acknowledged.
    pub(crate) is_acknowledged: bool,
    /// Nothing of it is sent before then: the intake refused it.
    pub(crate) held_until: Duration,
    /// The size with which it was last written down.
    pub(crate) saved_size: u64,
    /// How far zeros behind its content were looked at.
    pub(crate) zeros: Option<Zeros>,
}

impl Log {
    /// Acknowledged up to here, the last record included that may go on.
    pub fn acknowledged(&self) -> u64 {
        self.print.end
    }

    /// Bytes that wait to be sent.
    pub fn lag(&self) -> u64 {
        match self.container {
            Container::EventLog { .. } => 0,
            Container::Cabinet { readable, .. } => readable.saturating_sub(self.print.end),
            Container::Plain => match self.gap {
                Some(_) => 0,
                None => self.content_end().saturating_sub(self.print.end),
            },
        }
    }

    /// The end of what was seen and is content.
    pub(crate) fn content_end(&self) -> u64 {
        match self.zeros {
            Some((from, to)) if self.size <= to => from,
            _ => self.size,
        }
    }

    /// What another file must have to be this log's: all that was seen of it. A file with less is a copy of its beginning, which may go on
    /// otherwise. Where it ends in zeros, which may go, and in a cabinet that is damaged before that place, what is acknowledged has to do.
    pub(crate) fn evidence(&self, cut: Option<u64>) -> Option<Print> {
        let is_there = |end: u64| cut.is_none_or(|cut| end <= cut);
        match self.seen {
            Some((end, tail)) if end > self.print.end && self.zeros.is_none() && is_there(end) => {
                Some(Print {
                    end,
                    tail,
                    ..self.print
                })
            }
            // The beginning alone would say too little: others may begin like it.
            _ => (self.print.end > 0).then_some(self.print),
        }
    }

    /// Notes the gaps of an event log that a look found behind the record `sent`, and whether there is something new. Gaps behind it that
    /// were known are forgotten: no body behind them was acknowledged, so they were met again, and may have grown or closed.
    pub(crate) fn note_gaps(&mut self, sent: u64, found: impl IntoIterator<Item = Gap>) -> bool {
        let before = (self.gap, self.earlier.clone());
        let mut forgotten = self.gaps_before.saturating_sub(self.earlier.len() as u64);
        let mut gaps = std::mem::take(&mut self.earlier);
        gaps.extend(self.gap.take());
        gaps.retain(|gap| gap.from <= sent);
        let surplus = gaps.len().saturating_sub(GAPS_KEPT);
        gaps.drain(..surplus);
        forgotten += surplus as u64;
        gaps.extend(found);
        self.gap = gaps.pop();
        self.gaps_before = forgotten + gaps.len() as u64;
        self.earlier = gaps;
        before != (self.gap, self.earlier.clone())
    }

    /// What of it is lost for good. What stands behind the newest record that is acknowledged of an event log is met again, and may grow or
    /// close until then.
    pub fn lost(&self) -> impl Iterator<Item = Gap> + '_ {
        let settled = match self.container {
            Container::EventLog { record } => record,
            Container::Plain | Container::Cabinet { .. } => u64::MAX,
        };
        let gaps = self.earlier.iter().chain(&self.gap).copied();
        gaps.filter(move |gap| gap.from <= settled)
    }

    pub(crate) fn is_event_log(&self) -> bool {
        matches!(self.container, Container::EventLog { .. })
    }

    /// Its file is there.
    pub(crate) fn has_file(&self) -> bool {
        self.key.is_some()
    }

    /// Its file is gone.
    pub(crate) fn detach(&mut self, now: Duration) {
        self.key = None;
        self.now.missing_since.get_or_insert(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_of_an_event_log_are_kept_and_counted_once() {
        let gap = |from, to| Gap {
            from,
            to,
            reason: GapReason::Overwritten,
        };
        let mut log = crate::checkpoint::tests::log(1, 0);
        assert!(log.note_gaps(10, [gap(11, 20), gap(30, 31)]));
        assert!(!log.note_gaps(10, [gap(11, 20), gap(30, 31)]));
        // Nothing was acknowledged, and the first one grew over the second.
        assert!(log.note_gaps(10, [gap(11, 40)]));
        assert_eq!((log.gap, log.gaps_before), (Some(gap(11, 40)), 0));
        assert!(log.note_gaps(50, [gap(51, 52), gap(60, 61)]));
        assert_eq!(log.earlier, [gap(11, 40), gap(51, 52)]);
        for record in 10..30 {
            let at = record * 10;
            assert!(log.note_gaps(at - 1, [gap(at, at + 1)]));
        }
        // Until something behind it is acknowledged nobody knows that it stays.
        log.container = Container::EventLog { record: 285 };
        assert_eq!(log.lost().last(), Some(gap(280, 281)));
        log.container = Container::EventLog { record: 290 };
        assert_eq!(log.lost().last(), Some(gap(290, 291)));
        assert_eq!(log.gaps_before, 22);
        assert_eq!(log.earlier.len(), GAPS_KEPT);
        assert_eq!(log.earlier.last(), Some(&gap(280, 281)));
    }
}
