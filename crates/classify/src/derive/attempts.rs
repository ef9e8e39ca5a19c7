//! Attempts and repairs, from the markers of a servicing log.
//!
//! An attempt needs evidence of execution: most sessions are inventory only.
//! One that ends in a reboot is joined with what happens after it by its package, as the session ends with the boot.

use super::Line;
use super::timeline::is_near;
use super::tries::Tries;
use event::{Code, Day, Event, LoggedAt, Marker, Outcome, Source};
use std::collections::{BTreeSet, HashMap};

/// A try to install something, or to repair the store, as places in a timeline.
#[derive(Clone, Debug)]
pub(super) struct Try<'a> {
    pub(super) kind: Kind,
    /// First event that belongs to it.
    pub(super) from: usize,
    /// The first of them that the day it is told on may depend on.
    pub(super) seen_from: usize,
    /// The landmark that it was first known by.
    pub(super) begun: usize,
    /// Last event that belongs to it. Its day is the day the try is told on.
    pub(super) to: usize,
    /// The event that names it.
    pub(super) named_by: usize,
    /// It begins with its session.
    pub(super) is_of_session: bool,
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

/// How long after an end a report of a failure of the same package with the same code is of that end. A judgement, as for [`UNSEEN_START_S`].
const REPORT_S: i64 = 3_600;

/// How long before its report an attempt whose start is missing can have begun. A guess: single-phase failures are reported within minutes.
const UNSEEN_START_S: i64 = 3_600;

/// What was found in a timeline.
pub(super) struct Found<'a> {
    /// In the order in which they were named.
    pub(super) tries: Vec<Try<'a>>,
    /// On which days tries began and were met again.
    pub(super) links: Links,
    /// The start of a command that has not ended, or the last end of one that another layer may tell of.
    pub(super) open_command: Option<usize>,
}

/// Days on which tries began, with the later ones on which records were of them.
#[derive(Default)]
pub(super) struct Links(BTreeSet<(Day, Day)>);

impl Links {
    pub(super) fn add(&mut self, begun: Day, met: Day) {
        if begun != met {
            self.0.insert((begun, met));
        }
    }

    /// Whether a day sees that a try was met and not that it had begun: what is told of the records in between then depends on what
    /// else is looked at.
    pub(super) fn are_cut_for(&self, day: Day) -> bool {
        let is_seen = |other: Day| is_near(other, day);
        let mut links = self.0.iter();
        links.any(|(begun, met)| is_seen(*met) && !is_seen(*begun))
    }
}

/// The tries of a timeline.
pub(super) fn find<'a>(timeline: &Line<'a>) -> Found<'a> {
    if timeline.source == Source::Dism {
        return super::commands::find(timeline);
    }
    if timeline.source != Source::Cbs {
        return Found {
            tries: Vec::new(),
            links: Links::default(),
            open_command: None,
        };
    }
    let mut finder = Finder::default();
    for (at, event) in timeline.events.iter().enumerate() {
        finder.take(timeline, at, event);
    }
    finder.finish(timeline)
}

#[derive(Default)]
struct Finder<'a> {
    tries: Tries<'a>,
    sessions: HashMap<&'a str, Session>,
    /// First event after the last end of a try.
    after_last: usize,
    links: Links,
}

/// The first record of a session on each day, and the first landmark.
#[derive(Default)]
struct Session {
    first: Vec<(Day, usize)>,
    first_landmark: Vec<(Day, usize)>,
}

impl Session {
    fn add(&mut self, day: Day, at: usize, is_landmark: bool) {
        let add = |to: &mut Vec<(Day, usize)>| {
            if to.last().is_none_or(|(last, _)| *last != day) {
                to.push((day, at));
            }
        };
        add(&mut self.first);
        if is_landmark {
            add(&mut self.first_landmark);
        }
    }

    /// The first of its records that a day may depend on.
    fn start_seen_on(&self, day: Day) -> Option<usize> {
        let mut near = self.first.iter();
        let near = near.find(|(own, _)| *own == day || *own == day.plus(-1));
        let mut landmarks = self.first_landmark.iter();
        let landmark = landmarks.find(|(own, _)| is_near(*own, day));
        near.into_iter().chain(landmark).map(|(_, at)| *at).min()
    }
}

impl<'a> Finder<'a> {
    /// Tries as the day sees them on which each is told.
    fn finish(self, timeline: &Line<'a>) -> Found<'a> {
        let links = self.links;
        let mut tries = self.tries.finish();
        for one in &mut tries {
            let day = timeline.day(one.to);
            let session = self.sessions.get(one.session);
            let of_session = session
                .filter(|_| one.is_of_session)
                .and_then(|session| session.start_seen_on(day))
                .filter(|start| *start <= one.begun);
            let seen = || timeline.first_seen(one.from..=one.begun, one.to);
            one.seen_from = of_session.unwrap_or_else(seen);
        }
        Found {
            tries,
            links,
            open_command: None,
        }
    }

    fn take(&mut self, timeline: &Line<'_>, at: usize, event: &'a Event) {
        if !event.session.is_empty() {
            let session = self.sessions.entry(&event.session).or_default();
            session.add(timeline.day(at), at, event.is_landmark());
        }
        let result = event.field("hresult").and_then(value);
        match event.marker {
            Marker::ExecStart => self.start(Kind::Install, at, event),
            Marker::RepairStart => self.start(Kind::Repair, at, event),
            Marker::ExecEnd => self.end(timeline, Kind::Install, at, event, result),
            Marker::RepairEnd => self.end(timeline, Kind::Repair, at, event, result),
            Marker::FailureReport => self.failure_report(timeline, at, event, result),
            Marker::ChangeReport => self.change_report(timeline, at, event, result),
            Marker::StartupEnd => self.startup_end(timeline, at, event, result),
            Marker::SessionEnd => self.session_end(timeline, at, event, result),
            _ => {}
        }
    }

    /// A try ends with this event: what follows is no part of it.
    fn has_ended(&mut self, at: usize) {
        self.after_last = at + 1;
        self.tries.claim_all();
    }

    /// The try that a record is of, unless it began longer ago than a day looks back.
    fn linked(&mut self, timeline: &Line<'_>, found: Option<usize>, at: usize) -> Option<usize> {
        let one = self.tries.get(found?)?;
        let (begun, met) = (timeline.day(one.begun), timeline.day(at));
        self.links.add(begun, met);
        found.filter(|_| is_near(begun, met))
    }

    fn last_install(&mut self, timeline: &Line<'_>, at: usize, event: &Event) -> Option<usize> {
        let last = self.tries.last_install(&event.package);
        self.linked(timeline, last, at)
    }

    fn session_start(&self, session: &str) -> Option<usize> {
        let (_, at) = self.sessions.get(session)?.first.first()?;
        Some(*at)
    }

    fn start(&mut self, kind: Kind, at: usize, event: &'a Event) {
        let is_first = !self.tries.has_session(&event.session);
        let start = self.session_start(&event.session).filter(|_| is_first);
        self.tries.add_open(Try {
            from: start.unwrap_or(at),
            is_of_session: start.is_some(),
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
        let known = self
            .tries
            .take_open(kind, &event.session, &event.package)
            // The report came first and the start is missing: it is the same attempt.
            .or_else(|| self.tries.unclaimed(&event.package));
        let index = self
            .linked(timeline, known, at)
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
        let mut open = self.tries.open_install(&event.package);
        while let Some(index) = open
            && self.linked(timeline, open, at).is_none()
        {
            self.tries.forget(index);
            open = self.tries.open_install(&event.package);
        }
        if let Some(index) = open {
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
        let last = self.last_install(timeline, at, event);
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
                    if one.terminal == terminal
                        && is_within(timeline, self.tries.end_of(one), at, REPORT_S) =>
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
    fn change_report(
        &mut self,
        timeline: &Line<'_>,
        at: usize,
        event: &'a Event,
        result: Option<u32>,
    ) {
        // Said of a part of what is being installed right now, or of all of it: the end follows. A record that is still being written
        // has no result yet.
        let open = self.tries.last_open();
        if self.linked(timeline, open, at).is_some() || result.is_none() {
            return;
        }
        let is_done = result == Some(0) && event.field("state") == event.field("target_state");
        if let Some(index) = self.last_install(timeline, at, event) {
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
        let pending = self.tries.last_pending(&event.package);
        if let Some(index) = self.linked(timeline, pending, at) {
            self.settle(index, at, is_done, result);
            return;
        }
        let (ended, terminal) = outcome(result);
        if ended != Outcome::Failed {
            return;
        }
        // What failed before the restart and is told again, or an attempt whose part before the restart is not in the log.
        let told = self.last_install(timeline, at, event).filter(|index| {
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

    fn session_end(
        &mut self,
        timeline: &Line<'_>,
        at: usize,
        event: &'a Event,
        result: Option<u32>,
    ) {
        if event.field("reboot") == Some("yes") {
            for index in self.tries.take_succeeded(&event.session) {
                if self.linked(timeline, Some(index), at).is_none() {
                    continue;
                }
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
            if self.linked(timeline, Some(index), at).is_none() {
                continue;
            }
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
        let session_start = self.session_start(&event.session);
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
            is_of_session: session_start.is_some(),
            has_start: session_start.is_some_and(|start| start < at),
            ..named_by(kind, at, event)
        });
        self.has_ended(at);
        index
    }
}

/// Whether one record follows another within so many seconds, as far as their times tell.
fn is_within(timeline: &Line<'_>, before: usize, after: usize, seconds: i64) -> bool {
    let logged = |at: usize| timeline.events.get(at).and_then(|event| event.logged);
    match (logged(before), logged(after)) {
        (Some(before), Some(after)) => (after.0 - before.0).abs() <= seconds,
        _ => true,
    }
}

/// A try of which nothing but this event is known.
fn named_by<'a>(kind: Kind, at: usize, event: &'a Event) -> Try<'a> {
    Try {
        kind,
        from: at,
        seen_from: at,
        begun: at,
        to: at,
        named_by: at,
        is_of_session: false,
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
