//! Attempts and repairs, from the markers of a servicing log.
//!
//! An attempt needs evidence of execution: most sessions are inventory only.
//! One that ends in a reboot is joined with what happens after it by its package, as the session ends with the boot.

use super::Line;
use super::tries::Tries;
use event::{Code, Event, LoggedAt, Marker, Outcome, Source};
use std::collections::HashMap;

/// A try to install something, or to repair the store, as places in a timeline.
#[derive(Clone, Debug)]
pub(super) struct Try<'a> {
    pub(super) kind: Kind,
    /// First event that belongs to it.
    pub(super) from: usize,
    /// Last event that belongs to it.
    pub(super) to: usize,
    /// The event that names it.
    pub(super) named_by: usize,
    /// Whether its start was seen; else `from` is where it can have started at the earliest.
    pub(super) has_start: bool,
    pub(super) package: &'a str,
    pub(super) kb: &'a str,
    pub(super) client: &'a str,
    pub(super) session: &'a str,
    pub(super) outcome: Outcome,
    pub(super) terminal: Option<Code>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Install,
    Repair,
    /// A command of DISM.
    Command,
}

/// `CBS_E_CANCEL`, `CBS_E_ABORT`, `WU_E_CALL_CANCELLED`.
const CANCELLED: [u32; 3] = [0x800F_0820, 0x800F_0821, 0x8024_000B];

/// How long before its report an attempt whose start is missing can have begun. A guess: single-phase failures are reported within minutes.
const UNSEEN_START_S: i64 = 3_600;

/// The tries of a timeline, in the order in which they were named.
pub(super) fn find<'a>(timeline: &Line<'a>) -> Vec<Try<'a>> {
    if timeline.source == Source::Dism {
        return super::commands::find(timeline);
    }
    if timeline.source != Source::Cbs {
        return Vec::new();
    }
    let mut finder = Finder::default();
    for (at, event) in timeline.events.iter().enumerate() {
        finder.take(timeline, at, event);
    }
    finder.tries.finish()
}

#[derive(Default)]
struct Finder<'a> {
    tries: Tries<'a>,
    /// First event of each session.
    sessions: HashMap<&'a str, usize>,
    /// First event after the last end of a try.
    after_last: usize,
}

impl<'a> Finder<'a> {
    fn take(&mut self, timeline: &Line<'_>, at: usize, event: &'a Event) {
        if !event.session.is_empty() {
            self.sessions.entry(&event.session).or_insert(at);
        }
        let result = event.field("hresult").and_then(value);
        match event.marker {
            Marker::ExecStart => self.start(Kind::Install, at, event),
            Marker::RepairStart => self.start(Kind::Repair, at, event),
            Marker::ExecEnd => self.end(timeline, Kind::Install, at, event, result),
            Marker::RepairEnd => self.end(timeline, Kind::Repair, at, event, result),
            Marker::FailureReport => self.failure_report(timeline, at, event, result),
            Marker::ChangeReport => self.change_report(at, event, result),
            Marker::StartupEnd => self.startup_end(timeline, at, event, result),
            Marker::SessionEnd => self.session_end(at, event, result),
            _ => {}
        }
    }

    /// A try ends with this event: what follows is no part of it.
    fn has_ended(&mut self, at: usize) {
        self.after_last = at + 1;
        self.tries.claim_all();
    }

    fn start(&mut self, kind: Kind, at: usize, event: &'a Event) {
        let first_in_session = self.sessions.get(event.session.as_str()).copied();
        let is_first = !self.tries.has_session(&event.session);
        let from = first_in_session.filter(|_| is_first).unwrap_or(at);
        self.tries.add_open(Try {
            from,
            has_start: true,
            ..named_by(kind, at, event)
        });
    }

    fn end(
        &mut self,
        timeline: &Line<'_>,
        kind: Kind,
        at: usize,
        event: &'a Event,
        result: Option<u32>,
    ) {
        let index = self
            .tries
            .take_open(kind, &event.session, &event.package)
            // The report came first and the start is missing: it is the same attempt.
            .or_else(|| self.tries.unclaimed(&event.package))
            .unwrap_or_else(|| self.unseen(timeline, kind, at, event));
        let (outcome, terminal) = outcome(result);
        self.tries.set_session(index, &event.session);
        self.tries.set_outcome(index, outcome);
        self.tries.change(index, |one| {
            one.to = at;
            one.named_by = at;
            if one.kb.is_empty() {
                one.kb = &event.kb;
            }
            one.terminal = terminal;
        });
        self.has_ended(at);
    }

    fn failure_report(
        &mut self,
        timeline: &Line<'_>,
        at: usize,
        event: &'a Event,
        result: Option<u32>,
    ) {
        if let Some(index) = self.tries.open_install(&event.package) {
            // Its end follows and says the same.
            self.tries.change(index, |one| {
                one.to = at;
                if one.client.is_empty() {
                    one.client = &event.client;
                }
            });
            return;
        }
        let (_, terminal) = outcome(result);
        let last = self.tries.last_install(&event.package);
        if let Some(index) = last
            && let Some(one) = self.tries.get(index)
        {
            match one.outcome {
                Outcome::PendingReboot => {
                    self.tries.set_outcome(index, Outcome::RolledBack);
                    self.tries.change(index, |one| {
                        one.terminal = terminal;
                        one.to = at;
                    });
                    return self.has_ended(at);
                }
                // The report of an end already seen.
                Outcome::Failed | Outcome::RolledBack
                    if one.terminal == terminal && self.tries.end_of(one) + 64 > at =>
                {
                    self.tries.change(index, |one| one.to = at);
                    return self.has_ended(at);
                }
                _ => {}
            }
        }
        let index = self.unseen(timeline, Kind::Install, at, event);
        self.tries.set_outcome(index, Outcome::Failed);
        self.tries.change(index, |one| one.terminal = terminal);
    }

    /// Said of a package whose change is complete: at once, or at the startup after a reboot.
    fn change_report(&mut self, at: usize, event: &'a Event, result: Option<u32>) {
        // Said of a part of what is being installed right now, or of all of it: the end follows. A record that is still being written
        // has no result yet.
        if self.tries.is_any_open() || result.is_none() {
            return;
        }
        let is_done = result == Some(0) && event.field("state") == event.field("target_state");
        if let Some(index) = self.tries.last_install(&event.package) {
            let one = self.tries.get(index);
            if one.is_some_and(|one| one.outcome == Outcome::PendingReboot) {
                self.settle(index, at, is_done, result);
            }
            return;
        }
        self.tries.add_unclaimed(Try {
            outcome: if is_done {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            },
            terminal: outcome(result).1,
            ..named_by(Kind::Install, at, event)
        });
    }

    fn startup_end(
        &mut self,
        timeline: &Line<'_>,
        at: usize,
        event: &'a Event,
        result: Option<u32>,
    ) {
        if result.is_none() {
            return;
        }
        let is_done = result == Some(0) && event.field("state") == event.field("target_state");
        if let Some(index) = self.tries.last_pending(&event.package) {
            self.settle(index, at, is_done, result);
            return;
        }
        let (ended, terminal) = outcome(result);
        if ended != Outcome::Failed {
            return;
        }
        // What failed before the restart and is told again, or an attempt whose part before the restart is not in the log.
        let told = self.tries.last_install(&event.package).filter(|index| {
            let one = self.tries.get(*index);
            one.is_some_and(|one| one.outcome.is_failure())
        });
        let index = told.unwrap_or_else(|| self.unseen(timeline, Kind::Install, at, event));
        self.tries.set_outcome(index, Outcome::RolledBack);
        self.tries.change(index, |one| {
            one.to = at;
            one.terminal = terminal;
        });
        self.has_ended(at);
    }

    fn settle(&mut self, index: usize, at: usize, is_done: bool, result: Option<u32>) {
        let outcome_now = if is_done {
            Outcome::Succeeded
        } else {
            Outcome::RolledBack
        };
        self.tries.set_outcome(index, outcome_now);
        self.tries.change(index, |one| {
            one.to = at;
            one.terminal = if is_done {
                None
            } else {
                outcome(result).1.or(one.terminal)
            };
        });
    }

    fn session_end(&mut self, at: usize, event: &'a Event, result: Option<u32>) {
        if event.field("reboot") == Some("yes") {
            for index in self.tries.take_succeeded(&event.session) {
                self.tries.set_outcome(index, Outcome::PendingReboot);
                self.tries.change(index, |one| one.to = at);
            }
        }
        let (outcome, terminal) = outcome(result);
        if !matches!(outcome, Outcome::Failed | Outcome::Cancelled) {
            return;
        }
        // What a session says on its way out belongs to what it did.
        let mut has_ended = self.tries.session_failed(&event.session, at);
        for index in self.tries.take_open_of(&event.session) {
            self.tries.set_outcome(index, outcome);
            self.tries.change(index, |one| {
                one.terminal = terminal;
                one.to = at;
            });
            has_ended = true;
        }
        if has_ended {
            self.has_ended(at);
        }
    }

    /// A try whose start is not in the log.
    fn unseen(&mut self, timeline: &Line<'_>, kind: Kind, at: usize, event: &'a Event) -> usize {
        let earliest = event
            .logged
            .map(|logged| LoggedAt(logged.0 - UNSEEN_START_S));
        let is_near = |event: &Event| event.logged >= earliest || earliest.is_none();
        let session_start = self.sessions.get(event.session.as_str()).copied();
        let from = session_start.unwrap_or_else(|| {
            let since_last = timeline
                .events
                .get(self.after_last..=at)
                .unwrap_or_default();
            let first = since_last.iter().position(|event| is_near(event));
            first.map_or(at, |first| self.after_last + first)
        });
        let index = self.tries.add(Try {
            from,
            has_start: session_start.is_some_and(|start| start < at),
            ..named_by(kind, at, event)
        });
        self.has_ended(at);
        index
    }
}

/// A try of which nothing but this event is known.
fn named_by<'a>(kind: Kind, at: usize, event: &'a Event) -> Try<'a> {
    Try {
        kind,
        from: at,
        to: at,
        named_by: at,
        has_start: false,
        package: &event.package,
        kb: &event.kb,
        client: &event.client,
        session: &event.session,
        outcome: Outcome::Unknown,
        terminal: None,
    }
}

pub(super) fn outcome(result: Option<u32>) -> (Outcome, Option<Code>) {
    let Some(value) = result else {
        return (Outcome::Unknown, None);
    };
    let code = Code::new(value);
    match value {
        // Some write the bare Win32 number.
        0xBC2 => (Outcome::PendingReboot, None),
        _ if code.wants_restart() => (Outcome::PendingReboot, None),
        _ if value >> 31 == 0 => (Outcome::Succeeded, None),
        // The new servicing stack starts again and goes on: how that ends is not told here.
        _ if !code.is_failure() => (Outcome::Unknown, None),
        _ if CANCELLED.contains(&value) => (Outcome::Cancelled, Some(code)),
        _ => (Outcome::Failed, Some(code)),
    }
}

pub(super) fn value(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}
