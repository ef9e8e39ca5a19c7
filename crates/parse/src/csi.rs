//! CSI records: sequence number, UTC stamp, failure flag; the sequence as integrity check.
//!
//! `SSSSSSSS[@Y/M/D:HH:MM:SS.mmm] [(F)] text`

use crate::head;
use event::{LoggedAt, UtcMillis};

/// What stands in front of a CSI record's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Csi {
    /// Record counter of the process; starts at 1 at each load of the servicing stack.
    pub sequence: u32,
    /// The record's own stamp, in UTC.
    pub stamp: Option<UtcMillis>,
    /// `(F)`: the record is part of a failure's trace.
    pub is_failure: bool,
    /// Where the text starts, after these fields.
    pub text_at: usize,
}

/// Reads the fields at the start of a CSI message.
pub(crate) fn read(message: &str) -> Option<Csi> {
    if !starts_sequence(message.as_bytes()) {
        return None;
    }
    let (sequence, mut rest) = message.split_at_checked(8)?;
    let sequence = u32::from_str_radix(sequence, 16).ok()?;
    let mut stamp = None;
    if let Some(after) = rest.strip_prefix('@') {
        let (text, after) = after.split_once(' ').unwrap_or((after, ""));
        stamp = read_stamp(text);
        rest = after;
    }
    rest = rest.trim_start_matches(' ');
    let failure = rest.strip_prefix("(F)");
    let is_failure = failure.is_some();
    if let Some(after) = failure {
        rest = after.trim_start_matches(' ');
    }
    Some(Csi {
        sequence,
        stamp,
        is_failure,
        text_at: message.len() - rest.len(),
    })
}

/// `2022/8/18:07:53:46.609`
fn read_stamp(text: &str) -> Option<UtcMillis> {
    let (date, time) = text.split_once(':')?;
    let mut date = date.splitn(3, '/').map(|field| field.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, millis) = time.split_once('.')?;
    let mut clock = clock.splitn(3, ':').map(|field| field.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let millis: i64 = millis.get(..3)?.parse().ok()?;
    let moment = LoggedAt::from_civil(year, month, day, hour, minute, second)?;
    Some(UtcMillis(moment.0 * 1_000 + millis))
}

/// Whether this line has the head of a CSI record but no sequence number: the rest of a record that the logger cut.
#[inline]
pub(crate) fn is_continuation(line: &[u8]) -> bool {
    head::starts_head(line)
        && head::is_csi(line)
        && !starts_sequence(line.get(head::MESSAGE..).unwrap_or_default())
}

#[inline]
fn starts_sequence(message: &[u8]) -> bool {
    message.first_chunk::<8>().is_some_and(|sequence| {
        sequence
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }) && matches!(message.get(8), None | Some(b'@' | b' ' | b'\r' | b'\n'))
}

/// Follows the sequence numbers of a stream.
#[derive(Clone, Debug, Default)]
pub struct CsiSequence {
    previous: Option<u32>,
    report: SequenceReport,
}

/// How the sequence numbers of a stream stepped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SequenceReport {
    /// Steps of one.
    pub steps: u64,
    /// Starts at 1: a new load of the servicing stack.
    pub restarts: u64,
    /// Anything else: a lost or mis-joined record, or two processes writing at once.
    pub breaks: u64,
}

impl CsiSequence {
    /// Takes the next record's number.
    pub fn observe(&mut self, sequence: u32) {
        match self.previous {
            Some(previous) if sequence == previous.wrapping_add(1) => self.report.steps += 1,
            Some(_) if sequence == 1 => self.report.restarts += 1,
            Some(_) => self.report.breaks += 1,
            None => {}
        }
        self.previous = Some(sequence);
    }

    /// What was seen so far.
    pub fn report(&self) -> SequenceReport {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        let csi = read("00009627@2022/8/18:07:53:46.609 (F) onecore\\x.cpp(1): Error").unwrap();
        assert_eq!(
            (csi.sequence, csi.is_failure, csi.text_at),
            (0x9627, true, 36)
        );
        assert_eq!(csi.stamp.unwrap().to_string(), "2022-08-18T07:53:46.609Z");
        let csi = read("00000003 CSI Store 1 initialized").unwrap();
        assert_eq!((csi.sequence, csi.stamp, csi.is_failure), (3, None, false));
        assert_eq!(read("ETE), cd = FILE_OPEN"), None);
        assert_eq!(read("0000000g x"), None);
    }

    #[test]
    fn a_mangled_stamp_is_no_stamp_and_no_panic() {
        for message in [
            "00000001@ x",
            "00000001@2022/13/1:00:00:00.000 x",
            "00000001@2022/8:x",
            "00000001@2022/8/18:07:53:46.6 x",
            "00000001@9223372036854775807/8/18:07:53:46.609 x",
            "00000001@-9223372036854775808/8/18:07:53:46.609 x",
        ] {
            assert_eq!(read(message).unwrap().stamp, None, "{message}");
        }
    }

    #[test]
    fn a_lost_record_breaks_the_sequence() {
        let mut sequence = CsiSequence::default();
        for number in [7, 8, 9, 1, 2, 4] {
            sequence.observe(number);
        }
        assert_eq!(
            sequence.report(),
            SequenceReport {
                steps: 3,
                restarts: 1,
                breaks: 1
            }
        );
    }
}
