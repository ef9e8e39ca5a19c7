//! Tries to attempts and findings, and what findings are made of.

use super::attempts::{Found, Kind, Try};
use super::causes::{self, Cause};
use super::drafts::{Drafts, Parts};
use super::failures::Failure;
use super::look::Look;
use super::{Line, commands, incidents, links, unexplained};
use crate::entities;
use crate::rules::Rules;
use event::{Attempt, Code, Event, Evidence, Finding, Marker, Outcome, Severity, UtcMillis};

/// A finding keeps this much of a record's text; the whole record stands in its chunk.
const MAX_EVIDENCE_BYTES: usize = 2 * 1024;

pub(super) fn collect(rules: &Rules, timeline: &Line<'_>, found: &Found<'_>, drafts: &mut Drafts) {
    let mut look = Look::of(rules, timeline);
    look.share_out(&found.tries);
    if let Some(at) = found.open_command
        && let Some(event) = look.event(at)
        && let Some(parts) = drafts.day(timeline.day(at))
    {
        parts.wait([links::of_command(event)]);
    }
    for one in &found.tries {
        let day = timeline.day(one.to);
        let needs_cause = one.outcome.is_failure() || one.outcome == Outcome::Cancelled;
        let failure = if needs_cause {
            Failure::of(timeline, one)
        } else {
            None
        };
        if drafts.day(day).is_none() {
            drafts.failures.extend(failure);
            continue;
        }
        let cause = if needs_cause {
            let places: Vec<usize> = look.places(one);
            causes::choose(&look, &places, one.terminal)
        } else {
            None
        };
        let finding = cause.and_then(|cause| finding(&look, &cause, one));
        // The servicing log tells of it in full, the command only that it failed.
        if let Some(finding) = &finding
            && one.kind == Kind::Command
            && drafts.folds_into_servicing(day, finding)
        {
            continue;
        }
        let Some(parts) = drafts.day(day) else {
            continue;
        };
        parts.wait(links::of_try(one));
        let told_by = finding.map(|finding| parts.add(finding, one.kind == Kind::Install));
        if one.kind != Kind::Repair {
            if let Some(attempt) = attempt(timeline, one) {
                parts.add_attempt(attempt, told_by);
            }
        } else if !one.outcome.is_failure() {
            store_check(&look, one, parts);
        }
        let told_by = told_by.map(|index| (day, index));
        let failure = failure.map(|failure| failure.told_by(told_by));
        drafts.failures.extend(failure);
    }
    incidents::collect(&look, &taken(timeline, &found.tries), drafts);
}

/// Of each record, whether it belongs to a try.
fn taken(timeline: &Line<'_>, tries: &[Try<'_>]) -> Vec<bool> {
    // Tries that begin at a place, less those that ended before it.
    let mut change = vec![0_i64; timeline.events.len() + 1];
    for one in tries {
        for (at, by) in [(one.from, 1), (one.to + 1, -1)] {
            if let Some(change) = change.get_mut(at) {
                *change += by;
            }
        }
    }
    let mut open = 0;
    let running = change.into_iter().map(|change| {
        open += change;
        open > 0
    });
    running.take(timeline.events.len()).collect()
}

fn attempt(timeline: &Line<'_>, one: &Try<'_>) -> Option<Attempt> {
    let event = |at: usize| timeline.events.get(at).copied();
    let (start, end) = (event(one.seen_from)?, event(one.to)?);
    Some(Attempt {
        id: event(one.named_by)?.id,
        package: one.package.to_owned(),
        kb: one.kb.to_owned(),
        client: one.client.to_owned(),
        session: one.session.to_owned(),
        start: if one.has_start { start.logged } else { None },
        end: end.logged,
        start_utc: if one.has_start {
            timeline.utc(start)
        } else {
            None
        },
        outcome: one.outcome,
        terminal_code: one.terminal,
        finding: None,
    })
}

fn finding(look: &Look<'_, '_>, cause: &Cause<'_>, one: &Try<'_>) -> Option<Finding> {
    let mut finding = bare_finding(look, cause, one.terminal)?;
    one.package.clone_into(&mut finding.package);
    one.kb.clone_into(&mut finding.kb);
    look.name_by_context(one.seen_from, cause.at, &mut finding);
    if finding.object.is_empty() && one.kind == Kind::Command {
        let object = commands::object(one.package).map(entities::path);
        finding.object = object.unwrap_or_default();
    }
    if finding.rule.is_empty() && one.kind == Kind::Command {
        finding.rule = unexplained::rule_of(look, "command");
    }
    if one.outcome == Outcome::Cancelled
        && let Some(rule) = one
            .terminal
            .and_then(|terminal| look.rules.for_terminal(terminal))
    {
        // What a person stopped has no other cause.
        finding.rule.clone_from(&rule.id);
        finding.category.clone_from(&rule.category);
        finding.severity = rule.severity;
        finding.root_code = one.terminal;
    }
    // What could not be repaired, and where the files were to come from, stand in records of their own.
    if finding.category == "repair_source_missing" {
        let source = || {
            look.range(one).find_map(|at| {
                let event = look.event(at)?;
                (event.marker == Marker::SourceAdded)
                    .then(|| event.field("path"))
                    .flatten()
            })
        };
        let damage = || {
            look.range(one).find_map(|at| {
                let event = look.event(at)?;
                let is_damage = look.is_of(at, "component_store_corrupt");
                (is_damage && !event.object.is_empty()).then_some(event)
            })
        };
        if finding.root_code != one.terminal
            && let Some(path) = source()
        {
            path.clone_into(&mut finding.object);
        } else if finding.object.is_empty()
            && let Some(event) = damage()
        {
            finding.object.clone_from(&event.object);
            finding.component.clone_from(&event.component_identity);
        }
    }
    // The package an installation was to bring is its object where the cause names none.
    if finding.object.is_empty()
        && finding.category == "fod_content_not_found"
        && one.kind != Kind::Command
    {
        one.package
            .split('~')
            .next()
            .unwrap_or_default()
            .clone_into(&mut finding.object);
    }
    Some(finding)
}

pub(super) fn bare_finding(
    look: &Look<'_, '_>,
    cause: &Cause<'_>,
    terminal: Option<Code>,
) -> Option<Finding> {
    let event = look.event(cause.at)?;
    let records = || cause.evidence.iter().filter_map(|at| look.event(*at));
    Some(Finding {
        id: event.id,
        rule: cause.rule.map(|rule| rule.id.clone()).unwrap_or_default(),
        category: cause
            .rule
            .map_or_else(|| "unclassified".to_owned(), |rule| rule.category.clone()),
        severity: cause.rule.map_or(Severity::Error, |rule| rule.severity),
        root_code: cause.root,
        terminal_code: terminal,
        object: cause.object.clone(),
        kb: event.kb.clone(),
        package: event.package.clone(),
        component: cause.component.clone(),
        logged: event.logged,
        utc: exact_utc(look.timeline, event, records()),
        confidence: cause.confidence,
        reasons: cause
            .reasons
            .iter()
            .map(|reason| (*reason).to_owned())
            .collect(),
        count: 1,
        evidence: records().map(evidence).collect(),
    })
}

/// To the millisecond where the cause, or a record of its chain in the same second, carries a stamp.
fn exact_utc<'a>(
    timeline: &Line<'_>,
    event: &Event,
    mut chain: impl Iterator<Item = &'a Event>,
) -> Option<UtcMillis> {
    let is_beside = |other: &Event| other.stream == event.stream && other.logged == event.logged;
    event
        .stamp
        .or_else(|| chain.find_map(|other| other.stamp.filter(|_| is_beside(other))))
        .or_else(|| timeline.utc(event))
}

pub(super) fn evidence(event: &Event) -> Evidence {
    Evidence {
        id: event.id,
        source: event.source,
        stream: event.stream,
        offset: event.offset,
        length: event.length,
        text: event
            .text
            .get(..event.text.floor_char_boundary(MAX_EVIDENCE_BYTES))
            .unwrap_or_default()
            .to_owned(),
    }
}

/// A store check that says success and yet left damage behind.
fn store_check(look: &Look<'_, '_>, one: &Try<'_>, parts: &mut Parts) {
    let number = |event: &Event, name: &str| {
        event
            .field(name)
            .and_then(|value| value.parse::<u32>().ok())
            .unwrap_or(0)
    };
    for at in look.range(one) {
        let Some(event) = look.event(at) else {
            continue;
        };
        // Since Windows 10 each row of the summary is a record, and a row of damage stands for itself.
        let is_left = match event.marker {
            Marker::CheckSur => number(event, "detected") > number(event, "repaired"),
            _ => look.is_of(at, "component_store_corrupt"),
        };
        if is_left
            && !event.rule.is_empty()
            && let Some(cause) = causes::choose(look, &[at], None)
        {
            let finding = bare_finding(look, &cause, None);
            finding.map(|finding| parts.add(finding, false));
        }
    }
}
