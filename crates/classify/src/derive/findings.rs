//! Tries and lone records to attempts and findings.

use super::agent::{self, Failure};
use super::attempts::{Kind, Try};
use super::causes::{self, Cause};
use super::{Line, month_of};
use crate::rules::Rules;
use event::{
    Attempt, Code, Derivation, Event, Evidence, Finding, Marker, Month, Outcome, Severity, Source,
    UtcMillis,
};
use std::collections::BTreeSet;

/// Records of a lone incident follow each other within this time. A guess: one failing call logs its chain within seconds, a slow one within minutes.
const INCIDENT_GAP_S: i64 = 120;

/// A finding keeps this much of a record's text; the whole record stands in its chunk.
const MAX_EVIDENCE_BYTES: usize = 2 * 1024;

/// What a derivation is put together from, over the timelines of all kinds of logs.
#[derive(Default)]
pub(super) struct Parts {
    attempts: Vec<(Option<usize>, Attempt)>,
    findings: Vec<Draft>,
    /// What failed by the servicing logs, for what the agent says of the same.
    failures: Vec<Failure>,
}

struct Draft {
    finding: Finding,
    /// Failed attempts come before lone findings of the same severity.
    attempts: u32,
    /// Distinct items that a count stands for, where it is not one an attempt.
    items: BTreeSet<String>,
}

pub(super) fn collect(
    rules: &Rules,
    timeline: &Line<'_>,
    tries: &[Try],
    month: Month,
    parts: &mut Parts,
) {
    let mut is_taken = vec![false; timeline.events.len()];
    for one in tries {
        is_taken[one.from..=one.to].fill(true);
    }
    for one in tries {
        let start = timeline.events[one.from];
        let needs_cause = one.outcome.is_failure() || one.outcome == Outcome::Cancelled;
        let failure = needs_cause.then(|| Failure::of(timeline, one));
        if month_of(start) != month {
            parts.failures.extend(failure);
            continue;
        }
        let cause = if needs_cause {
            causes::choose(
                rules,
                timeline,
                one.from..=one.to,
                one.terminal,
                &one.session,
            )
        } else {
            None
        };
        let draft = cause.map(|cause| {
            parts.add(
                finding(rules, timeline, &cause, one),
                one.kind == Kind::Install,
            )
        });
        parts
            .failures
            .extend(failure.map(|failure| failure.told_by(draft)));
        if one.kind == Kind::Install {
            parts.attempts.push((draft, attempt(timeline, one)));
        } else if !one.outcome.is_failure() {
            store_check(rules, timeline, one, parts);
        }
    }
    lone(rules, timeline, &is_taken, month, parts);
}

impl Parts {
    /// Adds a finding, or counts it with an equal one.
    fn add(&mut self, finding: Finding, is_attempt: bool) -> usize {
        let key = |finding: &Finding| {
            (
                finding.rule.clone(),
                finding.category.clone(),
                finding.severity,
                finding.root_code,
                finding.terminal_code,
                finding.object.clone(),
            )
        };
        // Event logs tell of results alone, where the update is all that tells two of them apart.
        let is_result = finding
            .evidence
            .first()
            .is_some_and(|evidence| evidence.source == Source::EventLog);
        let is_same = |draft: &Draft| {
            key(&draft.finding) == key(&finding)
                && (draft.attempts > 0) == is_attempt
                && !(is_result && draft.finding.kb != finding.kb)
        };
        if let Some(index) = self.findings.iter().position(is_same) {
            let draft = &mut self.findings[index];
            draft.finding.count += 1;
            draft.attempts += u32::from(is_attempt);
            // Only what holds for all of them is said of the finding.
            if draft.finding.package != finding.package {
                draft.finding.package.clear();
            }
            if draft.finding.kb != finding.kb {
                draft.finding.kb.clear();
            }
            return index;
        }
        self.findings.push(Draft {
            finding,
            attempts: u32::from(is_attempt),
            items: BTreeSet::new(),
        });
        self.findings.len() - 1
    }

    /// The records of another log speak for a finding there is.
    fn support(&mut self, told_by: Option<usize>, other: &Finding) {
        let Some(draft) = told_by.and_then(|index| self.findings.get_mut(index)) else {
            return;
        };
        let evidence = &mut draft.finding.evidence;
        for one in &other.evidence {
            if evidence.len() < causes::MAX_EVIDENCE && !evidence.contains(one) {
                evidence.push(one.clone());
            }
        }
    }

    pub(super) fn each_finding(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.findings.iter_mut().map(|draft| &mut draft.finding)
    }

    pub(super) fn finish(self) -> Derivation {
        let mut order: Vec<usize> = (0..self.findings.len()).collect();
        order.sort_by_key(|index| {
            let draft = &self.findings[*index];
            (
                std::cmp::Reverse(draft.finding.severity),
                std::cmp::Reverse(draft.attempts),
                std::cmp::Reverse(draft.finding.confidence),
                draft.finding.logged,
                draft.finding.id,
            )
        });
        let mut place = vec![0_u32; order.len()];
        for (position, index) in order.iter().enumerate() {
            place[*index] = u32::try_from(position).unwrap_or(u32::MAX);
        }
        let mut attempts: Vec<Attempt> = self
            .attempts
            .into_iter()
            .map(|(draft, attempt)| Attempt {
                finding: draft.map(|index| place[index]),
                ..attempt
            })
            .collect();
        attempts.sort_by_key(|attempt| (attempt.start_utc, attempt.start, attempt.end, attempt.id));
        let mut drafts: Vec<Option<Draft>> = self.findings.into_iter().map(Some).collect();
        let findings = order
            .iter()
            .filter_map(|index| drafts[*index].take())
            .map(|draft| draft.finding)
            .collect();
        Derivation { attempts, findings }
    }
}

fn attempt(timeline: &Line<'_>, one: &Try) -> Attempt {
    let (start, end) = (timeline.events[one.from], timeline.events[one.to]);
    Attempt {
        id: timeline.events[one.named_by].id,
        package: one.package.clone(),
        kb: one.kb.clone(),
        client: one.client.clone(),
        session: one.session.clone(),
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
    }
}

fn finding(rules: &Rules, timeline: &Line<'_>, cause: &Cause<'_>, one: &Try) -> Finding {
    let mut finding = bare_finding(timeline, cause, one.terminal);
    finding.package.clone_from(&one.package);
    finding.kb.clone_from(&one.kb);
    if one.outcome == Outcome::Cancelled
        && let Some(rule) = one
            .terminal
            .and_then(|terminal| rules.for_terminal(terminal))
    {
        // What a person stopped has no other cause.
        finding.rule.clone_from(&rule.id);
        finding.category.clone_from(&rule.category);
        finding.severity = rule.severity;
        finding.root_code = one.terminal;
    }
    // What could not be repaired, and where the files were to come from, stand in records of their own.
    if finding.category == "repair_source_missing" {
        let events = || (one.from..=one.to).map(|at| timeline.events[at]);
        if finding.root_code != one.terminal
            && let Some(path) = events().find_map(|event| {
                (event.marker == Marker::SourceAdded)
                    .then(|| event.field("path"))
                    .flatten()
            })
        {
            path.clone_into(&mut finding.object);
        } else if finding.object.is_empty()
            && let Some(event) = events().find(|event| {
                let is_damage =
                    |rule: &crate::rules::Rule| rule.category == "component_store_corrupt";
                !event.object.is_empty() && rules.get(&event.rule).is_some_and(is_damage)
            })
        {
            finding.object.clone_from(&event.object);
            finding.component.clone_from(&event.component_identity);
        }
    }
    // The package an installation was to bring is its object where the cause names none.
    if finding.object.is_empty() && finding.category == "fod_content_not_found" {
        one.package
            .split('~')
            .next()
            .unwrap_or_default()
            .clone_into(&mut finding.object);
    }
    finding
}

fn bare_finding(timeline: &Line<'_>, cause: &Cause<'_>, terminal: Option<Code>) -> Finding {
    let event = timeline.events[cause.at];
    Finding {
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
        utc: exact_utc(timeline, cause),
        confidence: cause.confidence,
        reasons: cause
            .reasons
            .iter()
            .map(|reason| (*reason).to_owned())
            .collect(),
        count: 1,
        evidence: cause
            .evidence
            .iter()
            .map(|at| evidence(timeline.events[*at]))
            .collect(),
    }
}

/// To the millisecond where the cause, or a record of its chain in the same second, carries a stamp.
fn exact_utc(timeline: &Line<'_>, cause: &Cause<'_>) -> Option<UtcMillis> {
    let event = timeline.events[cause.at];
    let of_chain = || {
        let chain = cause.evidence.iter().map(|at| timeline.events[*at]);
        chain
            .filter(|other| other.stream == event.stream && other.logged == event.logged)
            .find_map(|other| other.stamp)
    };
    event
        .stamp
        .or_else(of_chain)
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
fn store_check(rules: &Rules, timeline: &Line<'_>, one: &Try, parts: &mut Parts) {
    let number = |event: &Event, name: &str| {
        event
            .field(name)
            .and_then(|value| value.parse::<u32>().ok())
            .unwrap_or(0)
    };
    for at in one.from..=one.to {
        let event = timeline.events[at];
        // Since Windows 10 each row of the summary is a record, and a row of damage stands for itself.
        let is_left = match event.marker {
            Marker::CheckSur => number(event, "detected") > number(event, "repaired"),
            _ => rules
                .get(&event.rule)
                .is_some_and(|rule| rule.category == "component_store_corrupt"),
        };
        if is_left
            && !event.rule.is_empty()
            && let Some(cause) = causes::choose(rules, timeline, at..=at, None, "")
        {
            parts.add(bare_finding(timeline, &cause, None), false);
        }
    }
}

/// Records that a rule knows and that belong to no try: each run of them is an incident, and each category in it a finding.
fn lone(rules: &Rules, timeline: &Line<'_>, is_taken: &[bool], month: Month, parts: &mut Parts) {
    let mut run: Vec<usize> = Vec::new();
    let answers = agent::Answers::of(timeline);
    for (at, event) in timeline.events.iter().enumerate() {
        let matters = !is_taken[at] && (!event.rule.is_empty() || !event.codes.is_empty());
        let follows = run.last().is_none_or(|last| {
            let before = timeline.events[*last];
            // Each event of an event log stands for itself.
            timeline.source != Source::EventLog
                && before.stream == event.stream
                && match (before.logged, event.logged) {
                    (Some(before), Some(after)) => (after.0 - before.0).abs() <= INCIDENT_GAP_S,
                    _ => true,
                }
        });
        if is_taken[at] || (matters && !follows) {
            incident(rules, timeline, &run, month, &answers, parts);
            run.clear();
        }
        if matters {
            run.push(at);
        }
    }
    incident(rules, timeline, &run, month, &answers, parts);
}

fn incident(
    rules: &Rules,
    timeline: &Line<'_>,
    run: &[usize],
    month: Month,
    answers: &agent::Answers<'_>,
    parts: &mut Parts,
) {
    let Some(first) = run.first() else { return };
    if month_of(timeline.events[*first]) != month {
        return;
    }
    let mut categories: Vec<&str> = Vec::new();
    for at in run {
        if let Some(rule) = rules.get(&timeline.events[*at].rule)
            && !categories.contains(&rule.category.as_str())
        {
            categories.push(&rule.category);
        }
    }
    for category in categories {
        let is_of = |at: &&usize| {
            rules
                .get(&timeline.events[**at].rule)
                .is_some_and(|rule| rule.category == category)
        };
        let own: Vec<usize> = run.iter().filter(is_of).copied().collect();
        let Some(last) = own.last() else { continue };
        // Codes without a rule that follow are what the failure ended in.
        let tail = run
            .iter()
            .copied()
            .rfind(|at| at > last && timeline.events[*at].rule.is_empty());
        let terminal = tail.and_then(|at| {
            timeline.events[at]
                .codes
                .iter()
                .copied()
                .find(|code| !causes::is_wrapper(*code))
        });
        let range = own[0]..=tail.unwrap_or(*last);
        let only: Vec<&Event> = range
            .clone()
            .filter(|at| own.contains(at) || timeline.events[*at].rule.is_empty())
            .map(|at| timeline.events[at])
            .collect();
        let view = timeline.part(&only);
        let Some(cause) = causes::choose(rules, &view, 0..=only.len() - 1, None, "") else {
            continue;
        };
        let mut finding = bare_finding(&view, &cause, terminal);
        let named = |value: fn(&Event) -> &str| {
            only.iter()
                .map(|event| value(event))
                .find(|value| !value.is_empty())
        };
        if finding.kb.is_empty() {
            finding.kb = named(|event| &event.kb).unwrap_or_default().to_owned();
        }
        if finding.package.is_empty() {
            finding.package = named(|event| &event.package).unwrap_or_default().to_owned();
        }
        if agent::speaks(timeline.source) {
            agent::name_target(timeline, *first, &mut finding);
            // The agent tells results, so its code is what the failure ended in, a wrapper too.
            let result = || only.iter().rev().find_map(|event| event.codes.last());
            finding.terminal_code = finding
                .terminal_code
                .or(finding.root_code)
                .or_else(|| result().copied());
            if let Some(failure) = agent::same(&parts.failures, &finding) {
                parts.support(failure, &finding);
                continue;
            }
            if answers.are_over(timeline, &own) {
                finding.severity = Severity::Info;
                finding.reasons.push(agent::DETECTED_LATER.to_owned());
            }
        }
        let items: BTreeSet<String> = only
            .iter()
            .filter(|event| event.marker == Marker::SfcCannotRepair)
            .map(|event| {
                format!(
                    "{}\\{}",
                    event.field("component").unwrap_or_default(),
                    event.field("file").unwrap_or_default()
                )
            })
            .collect();
        parts.add_items(finding, items);
    }
}

impl Parts {
    /// A lone finding; where it stands for items (files that sfc cannot repair), those of one rule are one finding, and its count is that of the distinct items.
    fn add_items(&mut self, finding: Finding, items: BTreeSet<String>) {
        if items.is_empty() {
            self.add(finding, false);
            return;
        }
        let same = self.findings.iter().position(|draft| {
            draft.attempts == 0 && draft.finding.rule == finding.rule && !draft.items.is_empty()
        });
        let index = same.unwrap_or_else(|| {
            self.findings.push(Draft {
                finding,
                attempts: 0,
                items: BTreeSet::new(),
            });
            self.findings.len() - 1
        });
        let draft = &mut self.findings[index];
        draft.items.extend(items);
        draft.finding.count = u32::try_from(draft.items.len()).unwrap_or(u32::MAX);
    }
}
