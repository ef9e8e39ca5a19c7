//! Tries and lone records to attempts and findings.

use super::agent::{self, Failure};
use super::attempts::{Kind, Try};
use super::causes::{self, Cause};
use super::drafts::Parts;
use super::look::Look;
use super::{Line, commands, month_of, unexplained};
use crate::entities;
use crate::rules::Rules;
use event::{
    Attempt, Code, Event, Evidence, Finding, Marker, Month, Outcome, Severity, Source, UtcMillis,
};
use std::collections::BTreeSet;

/// Records of a lone incident follow each other within this time. A guess: one failing call logs its chain within seconds, a slow one within minutes.
const INCIDENT_GAP_S: i64 = 120;

/// A finding keeps this much of a record's text; the whole record stands in its chunk.
const MAX_EVIDENCE_BYTES: usize = 2 * 1024;

pub(super) fn collect(
    rules: &Rules,
    timeline: &Line<'_>,
    tries: &[Try<'_>],
    month: Month,
    parts: &mut Parts,
) {
    let mut look = Look::of(rules, timeline);
    look.share_out(tries);
    for one in tries {
        let Some(start) = look.event(one.from) else {
            continue;
        };
        let needs_cause = one.outcome.is_failure() || one.outcome == Outcome::Cancelled;
        let failure = if needs_cause {
            Failure::of(timeline, one)
        } else {
            None
        };
        if month_of(start) != month {
            parts.failures.extend(failure);
            continue;
        }
        let cause = if needs_cause {
            causes::choose(&look, &look.places(one), one.terminal)
        } else {
            None
        };
        let finding = cause.and_then(|cause| finding(&look, &cause, one));
        // The servicing log tells of it in full, the command only that it failed.
        if let Some(finding) = &finding
            && one.kind == Kind::Command
            && parts.folds_into_servicing(finding)
        {
            continue;
        }
        let draft = finding.map(|finding| parts.add(finding, one.kind == Kind::Install));
        parts
            .failures
            .extend(failure.map(|failure| failure.told_by(draft)));
        if one.kind != Kind::Repair {
            parts
                .attempts
                .extend(attempt(timeline, one).map(|attempt| (draft, attempt)));
        } else if !one.outcome.is_failure() {
            store_check(&look, one, parts);
        }
    }
    lone(&look, &taken(timeline, tries), month, parts);
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
    let (start, end) = (event(one.from)?, event(one.to)?);
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
    look.name_by_context(one.from, cause.at, &mut finding);
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

fn bare_finding(look: &Look<'_, '_>, cause: &Cause<'_>, terminal: Option<Code>) -> Option<Finding> {
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

/// Records that a rule knows and that belong to no try: each run of them is an incident, and each category in it a finding.
fn lone(look: &Look<'_, '_>, is_taken: &[bool], month: Month, parts: &mut Parts) {
    let timeline = look.timeline;
    let mut run: Vec<usize> = Vec::new();
    let agent = agent::Heard::of(timeline);
    for ((at, event), is_taken) in timeline.events.iter().enumerate().zip(is_taken) {
        let matters = !is_taken
            && (!event.rule.is_empty()
                || !event.codes.is_empty()
                || matches!(event.marker, Marker::WorkedOn | Marker::CallEnd));
        let before = run.last().and_then(|last| look.event(*last));
        let follows = before.is_none_or(|before| {
            // Each event of an event log stands for itself.
            timeline.source != Source::EventLog
                && before.stream == event.stream
                && match (before.logged, event.logged) {
                    (Some(before), Some(after)) => (after.0 - before.0).abs() <= INCIDENT_GAP_S,
                    _ => true,
                }
        });
        if *is_taken || (matters && !follows) {
            incident(look, &run, month, &agent, parts);
            run.clear();
        }
        if matters {
            run.push(at);
        }
    }
    incident(look, &run, month, &agent, parts);
}

fn incident(
    look: &Look<'_, '_>,
    run: &[usize],
    month: Month,
    agent: &agent::Heard<'_>,
    parts: &mut Parts,
) {
    let Some((first, first_event)) = run.first().and_then(|at| Some((*at, look.event(*at)?)))
    else {
        return;
    };
    if month_of(first_event) != month {
        return;
    }
    // By the number of the category, its first and last record; in the order in which they come.
    let mut categories: Vec<(u32, usize, usize)> = Vec::new();
    for at in run {
        let Some(category) = look.known(*at).and_then(|known| known.category) else {
            continue;
        };
        match categories.iter_mut().find(|(known, ..)| *known == category) {
            Some((_, _, last)) => *last = *at,
            None => categories.push((category, *at, *at)),
        }
    }
    // A code without a rule that follows is what the failure ended in.
    let is_code = |at: usize| {
        look.event(at)
            .is_some_and(|event| event.rule.is_empty() && !event.codes.is_empty())
    };
    let last_code = run.iter().copied().rfind(|at| is_code(*at));
    let (mut is_failure, mut is_over) = (false, BTreeSet::<usize>::new());
    for (category, from, last) in categories {
        let tail = last_code.filter(|at| *at > last);
        let terminal = tail.and_then(|at| {
            let mut codes = look.event(at)?.codes.iter().copied();
            codes.find(|code| !causes::is_wrapper(*code))
        });
        let is_own = |at: usize| look.known(at).and_then(|known| known.category) == Some(category);
        let places: Vec<usize> = (from..=tail.unwrap_or(last))
            .filter(|at| is_own(*at) || is_code(*at))
            .collect();
        let records = || places.iter().filter_map(|at| look.event(*at));
        let Some(cause) = causes::choose(look, &places, None) else {
            continue;
        };
        // What ended beside it is another failure, which is not over with it.
        let is_end = |at: usize| {
            let event = look.event(at);
            event.is_some_and(|event| event.field("ended").is_some())
        };
        let is_part = |at: &&usize| is_own(**at) || !is_end(**at);
        let over = || places.iter().filter(is_part);
        if cause
            .rule
            .is_some_and(|rule| agent.went_on(last, rule.layer))
        {
            is_over.extend(over());
            continue;
        }
        let Some(mut finding) = bare_finding(look, &cause, terminal) else {
            continue;
        };
        let named = |value: fn(&Event) -> &str| {
            let mut values = records().map(value);
            values.find(|value| !value.is_empty())
        };
        if finding.kb.is_empty() {
            finding.kb = named(|event| &event.kb).unwrap_or_default().to_owned();
        }
        if finding.package.is_empty() {
            finding.package = named(|event| &event.package).unwrap_or_default().to_owned();
        }
        look.name_by_context(first, cause.at, &mut finding);
        if agent::speaks(look.timeline.source) {
            agent.name_target(first, first_event, &mut finding);
            // The agent tells results, so its code is what the failure ended in, a wrapper too.
            let result = || {
                let mut last_first = places.iter().rev().filter_map(|at| look.event(*at));
                last_first.find_map(|event| event.codes.last())
            };
            finding.terminal_code = finding
                .terminal_code
                .or(finding.root_code)
                .or_else(|| result().copied());
            if let Some(failure) = parts.failures.same(&finding) {
                parts.support(failure, &finding);
                is_failure = true;
                continue;
            }
            let reason = if agent.has_detected_later(run.iter().filter(|at| is_own(**at)), look) {
                Some(agent::DETECTED_LATER)
            } else {
                agent.is_over(last, &finding)
            };
            if let Some(reason) = reason {
                finding.severity = Severity::Info;
                finding.reasons.push(reason.to_owned());
                // What ended after it may be another failure.
                finding.terminal_code = finding.root_code.or(finding.terminal_code);
                is_over.extend(over());
            }
        }
        let items: BTreeSet<String> = records()
            .filter(|event| event.marker == Marker::SfcCannotRepair)
            .map(|event| {
                format!(
                    "{}\\{}",
                    event.field("component").unwrap_or_default(),
                    event.field("file").unwrap_or_default()
                )
            })
            .collect();
        is_failure |= finding.severity > Severity::Info;
        if parts.folds_into_setup(&finding) {
            continue;
        }
        parts.add_items(finding, items);
    }
    if !is_failure {
        let left: Vec<usize> = run
            .iter()
            .copied()
            .filter(|at| !is_over.contains(at))
            .collect();
        untold(look, &left, agent, parts);
    }
}

/// What a run of records ended in where no rule tells of it: the failure is said as what it is.
fn untold(look: &Look<'_, '_>, run: &[usize], agent: &agent::Heard<'_>, parts: &mut Parts) {
    let Some((first, first_event)) = run.first().and_then(|at| Some((*at, look.event(*at)?)))
    else {
        return;
    };
    let mut ends = unexplained::ends(look, run);
    ends.retain(|end| end.code.is_none_or(|code| !parts.tell(&[code])));
    if ends.is_empty() {
        // A step that a rule speaks of, or whose code a finding tells, is explained.
        let is_step = |at: &usize| {
            let event = look.event(*at);
            event.is_some_and(|event| unexplained::is_step(event) && !parts.tell(&event.codes))
        };
        let step = run.iter().copied().find(is_step);
        let finding = step
            .and_then(|at| causes::choose(look, &[at], None))
            .and_then(|cause| bare_finding(look, &cause, None));
        parts.extend(finding.map(|finding| Finding {
            rule: unexplained::RECORD.to_owned(),
            category: "unclassified".to_owned(),
            severity: Severity::Info,
            ..finding
        }));
        return;
    }
    // Ends of one cause, as a call's own code and its wrapper, are one failure.
    let mut told = BTreeSet::new();
    for end in ends {
        // The records of a later end have no part in this one.
        let until = run.partition_point(|at| *at <= end.at);
        let places = run.get(until.saturating_sub(unexplained::MAX_BEFORE)..until);
        let Some(cause) = causes::choose(look, places.unwrap_or_default(), end.code) else {
            continue;
        };
        if !told.insert(cause.at) {
            continue;
        }
        let is_ruled = cause.rule.is_some();
        let Some(mut finding) = bare_finding(look, &cause, end.code) else {
            continue;
        };
        if !is_ruled {
            finding.rule = unexplained::rule_of(look, end.what);
            finding.severity = Severity::Error;
        }
        look.name_by_context(first, cause.at, &mut finding);
        if agent::speaks(look.timeline.source) {
            agent.name_target(first, first_event, &mut finding);
            if let Some(failure) = parts.failures.same(&finding) {
                parts.support(failure, &finding);
                continue;
            }
        }
        parts.add(finding, false);
    }
}
