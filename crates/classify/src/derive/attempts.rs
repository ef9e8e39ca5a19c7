//! Attempts and repairs, from the markers of a servicing log.
//!
//! An attempt needs evidence of execution: most sessions are inventory only.
//! One that ends in a reboot is joined with what happens after it by its package, as the session ends with the boot.

use super::Line;
use event::{Code, Event, LoggedAt, Marker, Outcome, Source};
use std::collections::HashMap;

/// A try to install something, or to repair the store, as places in a timeline.
#[derive(Clone, Debug)]
pub(super) struct Try {
    pub(super) kind: Kind,
    /// First event that belongs to it.
    pub(super) from: usize,
    /// Last event that belongs to it.
    pub(super) to: usize,
    /// The event that names it.
    pub(super) named_by: usize,
    /// Whether its start was seen; else `from` is where it can have started at the earliest.
    pub(super) has_start: bool,
    pub(super) package: String,
    pub(super) kb: String,
    pub(super) client: String,
    pub(super) session: String,
    pub(super) outcome: Outcome,
    pub(super) terminal: Option<Code>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Install,
    Repair,
}

/// `ERROR_SUCCESS_REBOOT_REQUIRED` in its three forms.
const REBOOT_REQUIRED: [u32; 3] = [0xBC2, 0x8007_0BC2, 0x0024_0005];

/// `CBS_E_CANCEL`, `CBS_E_ABORT`, `WU_E_CALL_CANCELLED`.
const CANCELLED: [u32; 3] = [0x800F_0820, 0x800F_0821, 0x8024_000B];

/// How long before its report an attempt whose start is missing can have begun. A guess: single-phase failures are reported within minutes.
const UNSEEN_START_S: i64 = 3_600;

/// The tries of a timeline, in the order in which they were named.
pub(super) fn find(timeline: &Line<'_>) -> Vec<Try> {
    if timeline.source != Source::Cbs {
        return Vec::new();
    }
    let mut finder = Finder::default();
    for (at, event) in timeline.events.iter().enumerate() {
        finder.take(timeline, at, event);
    }
    finder.finish()
}

#[derive(Default)]
struct Finder {
    tries: Vec<Try>,
    /// Started and not ended: indices into `tries`.
    open: Vec<usize>,
    /// First event of each session.
    sessions: HashMap<String, usize>,
    /// First event after the last end of a try.
    after_last: usize,
}

impl Finder {
    fn take(&mut self, timeline: &Line<'_>, at: usize, event: &Event) {
        if !event.session.is_empty() {
            self.sessions.entry(event.session.clone()).or_insert(at);
        }
        let result = event.field("hresult").and_then(value);
        match event.marker {
            Marker::ExecStart => self.start(Kind::Install, at, event),
            Marker::RepairStart => self.start(Kind::Repair, at, event),
            Marker::ExecEnd => self.end(timeline, Kind::Install, at, event, result),
            Marker::RepairEnd => self.end(timeline, Kind::Repair, at, event, result),
            Marker::FailureReport => self.failure_report(timeline, at, event, result),
            Marker::ChangeReport => self.change_report(at, event, result),
            Marker::StartupEnd => self.startup_end(at, event, result),
            Marker::SessionEnd => self.session_end(at, event, result),
            _ => {}
        }
    }

    fn start(&mut self, kind: Kind, at: usize, event: &Event) {
        let first_in_session = self.sessions.get(&event.session).copied();
        let is_first = !self
            .tries
            .iter()
            .any(|one| !one.session.is_empty() && one.session == event.session);
        let from = first_in_session.filter(|_| is_first).unwrap_or(at);
        self.open.push(self.tries.len());
        self.tries.push(Try {
            kind,
            from,
            to: at,
            named_by: at,
            has_start: true,
            package: event.package.clone(),
            kb: event.kb.clone(),
            client: event.client.clone(),
            session: event.session.clone(),
            outcome: Outcome::Unknown,
            terminal: None,
        });
    }

    fn end(
        &mut self,
        timeline: &Line<'_>,
        kind: Kind,
        at: usize,
        event: &Event,
        result: Option<u32>,
    ) {
        let matching = |one: &Try| {
            one.kind == kind
                && if event.session.is_empty() {
                    one.package == event.package
                } else {
                    one.session == event.session
                }
                && (event.package.is_empty()
                    || one.package.is_empty()
                    || one.package == event.package)
        };
        let index = match self
            .open
            .iter()
            .position(|index| matching(&self.tries[*index]))
        {
            Some(position) => self.open.remove(position),
            // The report came first and the start is missing: it is the same attempt.
            None => match self.tries.iter().rposition(|one| {
                !one.has_start
                    && one.to >= self.after_last
                    && one.package == event.package
                    && one.outcome == Outcome::Failed
            }) {
                Some(index) => index,
                None => self.unseen(timeline, kind, at, event),
            },
        };
        let one = &mut self.tries[index];
        one.to = at;
        one.named_by = at;
        one.session.clone_from(&event.session);
        if one.kb.is_empty() {
            one.kb.clone_from(&event.kb);
        }
        (one.outcome, one.terminal) = outcome(result);
        self.after_last = at + 1;
    }

    fn failure_report(
        &mut self,
        timeline: &Line<'_>,
        at: usize,
        event: &Event,
        result: Option<u32>,
    ) {
        let is_open = |one: &Try| one.kind == Kind::Install && one.package == event.package;
        if let Some(index) = self
            .open
            .iter()
            .copied()
            .find(|index| is_open(&self.tries[*index]))
        {
            // Its end follows and says the same.
            let one = &mut self.tries[index];
            one.to = at;
            if one.client.is_empty() {
                one.client.clone_from(&event.client);
            }
            return;
        }
        let (_, terminal) = outcome(result);
        if let Some(one) = self.tries.iter_mut().rev().find(|one| is_open(one)) {
            match one.outcome {
                Outcome::PendingReboot => {
                    one.outcome = Outcome::RolledBack;
                    one.terminal = terminal;
                    one.to = at;
                    self.after_last = at + 1;
                    return;
                }
                // The report of an end already seen.
                Outcome::Failed | Outcome::RolledBack
                    if one.terminal == terminal && one.to + 64 > at =>
                {
                    one.to = at;
                    self.after_last = at + 1;
                    return;
                }
                _ => {}
            }
        }
        let index = self.unseen(timeline, Kind::Install, at, event);
        let one = &mut self.tries[index];
        one.outcome = Outcome::Failed;
        one.terminal = terminal;
    }

    /// Said of a package whose change is complete: at once, or at the startup after a reboot.
    fn change_report(&mut self, at: usize, event: &Event, result: Option<u32>) {
        let is_same = |one: &Try| one.kind == Kind::Install && one.package == event.package;
        // Said of a part of what is being installed right now, or of all of it: the end follows.
        if !self.open.is_empty() {
            return;
        }
        let is_done = result == Some(0) && event.field("state") == event.field("target_state");
        if let Some(one) = self.tries.iter_mut().rev().find(|one| is_same(one)) {
            if one.outcome == Outcome::PendingReboot {
                settle(one, at, is_done, result);
            }
            return;
        }
        self.tries.push(Try {
            kind: Kind::Install,
            from: at,
            to: at,
            named_by: at,
            has_start: false,
            package: event.package.clone(),
            kb: event.kb.clone(),
            client: event.client.clone(),
            session: event.session.clone(),
            outcome: if is_done {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            },
            terminal: outcome(result).1,
        });
    }

    fn startup_end(&mut self, at: usize, event: &Event, result: Option<u32>) {
        let is_done = result == Some(0) && event.field("state") == event.field("target_state");
        let pending = self
            .tries
            .iter_mut()
            .rev()
            .find(|one| one.package == event.package && one.outcome == Outcome::PendingReboot);
        if let Some(one) = pending {
            settle(one, at, is_done, result);
        }
    }

    fn session_end(&mut self, at: usize, event: &Event, result: Option<u32>) {
        if event.field("reboot") == Some("yes") {
            for one in self
                .tries
                .iter_mut()
                .filter(|one| one.session == event.session && one.outcome == Outcome::Succeeded)
            {
                one.outcome = Outcome::PendingReboot;
                one.to = at;
            }
        }
        let (outcome, terminal) = outcome(result);
        if !matches!(outcome, Outcome::Failed | Outcome::Cancelled) {
            return;
        }
        // What a session says on its way out belongs to what it did.
        for one in self
            .tries
            .iter_mut()
            .filter(|one| one.session == event.session && one.outcome != Outcome::Unknown)
        {
            one.to = at;
            self.after_last = at + 1;
        }
        let (ended, open): (Vec<usize>, Vec<usize>) = self
            .open
            .iter()
            .partition(|index| self.tries[**index].session == event.session);
        self.open = open;
        for index in ended {
            let one = &mut self.tries[index];
            one.outcome = outcome;
            one.terminal = terminal;
            one.to = at;
            self.after_last = at + 1;
        }
    }

    /// A try whose start is not in the log.
    fn unseen(&mut self, timeline: &Line<'_>, kind: Kind, at: usize, event: &Event) -> usize {
        let earliest = event
            .logged
            .map(|logged| LoggedAt(logged.0 - UNSEEN_START_S));
        let is_near = |at: &usize| timeline.events[*at].logged >= earliest || earliest.is_none();
        let session_start = self.sessions.get(&event.session).copied();
        let from =
            session_start.unwrap_or_else(|| (self.after_last..=at).find(is_near).unwrap_or(at));
        self.tries.push(Try {
            kind,
            from,
            to: at,
            named_by: at,
            has_start: session_start.is_some_and(|start| start < at),
            package: event.package.clone(),
            kb: event.kb.clone(),
            client: event.client.clone(),
            session: event.session.clone(),
            outcome: Outcome::Unknown,
            terminal: None,
        });
        self.after_last = at + 1;
        self.tries.len() - 1
    }

    fn finish(self) -> Vec<Try> {
        self.tries
    }
}

fn settle(one: &mut Try, at: usize, is_done: bool, result: Option<u32>) {
    one.to = at;
    if is_done {
        one.outcome = Outcome::Succeeded;
        one.terminal = None;
    } else {
        one.outcome = Outcome::RolledBack;
        one.terminal = outcome(result).1.or(one.terminal);
    }
}

fn outcome(result: Option<u32>) -> (Outcome, Option<Code>) {
    match result {
        None => (Outcome::Unknown, None),
        Some(value) if REBOOT_REQUIRED.contains(&value) => (Outcome::PendingReboot, None),
        Some(value) if value >> 31 == 0 => (Outcome::Succeeded, None),
        Some(value) if CANCELLED.contains(&value) => (Outcome::Cancelled, Some(Code::new(value))),
        Some(value) => (Outcome::Failed, Some(Code::new(value))),
    }
}

fn value(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}
