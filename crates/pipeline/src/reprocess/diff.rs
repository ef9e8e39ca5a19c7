//! Differences between what is stored and what other rules make of it, counted with an example each.

use classify::Rules;
use event::{Event, EventId, Finding, LoggedAt, Month, Source, StreamId};
use std::collections::{BTreeMap, BTreeSet};

/// What other rules would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Endpoints whose chunks were read.
    pub endpoints: u64,
    /// Chunks read.
    pub chunks: u64,
    /// Their text in bytes.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// Chunks that cannot be classified; their events count as they are stored.
    pub poisoned: u64,
    /// Events that stay as they are.
    pub unchanged: u64,
    /// Events that do not.
    pub events: BTreeMap<EventGroup, EventTally>,
    /// Findings that change when their units are derived again.
    pub findings: BTreeMap<FindingGroup, FindingTally>,
    /// Units with such findings, the first thousand.
    pub units: Vec<UnitChange>,
    /// All units with such findings.
    pub units_changed: u64,
}

/// What becomes of an event or a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is not stored and would be.
    Appears,
    /// It is stored and would not be.
    Vanishes,
    /// It is stored and would say something else.
    Changes,
}

impl Change {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Appears => "appears",
            Self::Vanishes => "vanishes",
            Self::Changes => "changes",
        }
    }
}

/// Events that change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventGroup {
    /// How.
    pub change: Change,
    /// The rule that decided, or empty.
    pub from: String,
    /// The rule that would decide, or empty; for an event that vanishes the rule that calls it noise.
    pub to: String,
}

/// How many they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventTally {
    /// Events.
    pub count: u64,
    /// What differs: `rule`, `category`, `object`, `codes`, `other`.
    pub fields: BTreeSet<&'static str>,
    /// The first one met.
    pub example: Example,
}

/// One record, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Whose.
    pub endpoint: String,
    /// The kind of log.
    pub source: Source,
    /// Which log.
    pub stream: StreamId,
    /// Where in it.
    pub offset: u64,
    /// When, as logged.
    pub logged: Option<LoggedAt>,
    /// Its text, cut.
    pub text: String,
}

/// Findings that change in the same way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingGroup {
    /// How.
    pub change: Change,
    /// The rule that names it, or empty.
    pub from: String,
    /// The rule that would name it, or empty.
    pub to: String,
}

/// How many they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingTally {
    /// Findings.
    pub count: u64,
    /// The endpoint of the first one met.
    pub endpoint: String,
    /// Its month.
    pub month: Month,
    /// Its object, or empty.
    pub object: String,
}

/// A unit whose findings would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitChange {
    /// Whose.
    pub endpoint: String,
    /// Which month.
    pub month: Month,
    /// Findings that would appear.
    pub appear: u64,
    /// Findings that would vanish.
    pub vanish: u64,
    /// Findings that would say something else.
    pub change: u64,
}

/// Units that are listed: a person reads no more, and a plan's memory stays bounded.
const UNITS_LISTED: usize = 1000;

/// Longest text of an example: two lines of a terminal.
const EXAMPLE_CHARS: usize = 200;

impl Plan {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.findings.is_empty()
    }

    pub(super) fn event(
        &mut self,
        group: EventGroup,
        fields: &[&'static str],
        example: impl FnOnce() -> Example,
    ) {
        let tally = self.events.entry(group).or_insert_with(|| EventTally {
            count: 0,
            fields: BTreeSet::new(),
            example: example(),
        });
        tally.count += 1;
        tally.fields.extend(fields);
    }

    /// Compares a unit's findings, those that readers see with those that would be derived.
    pub(super) fn unit(
        &mut self,
        endpoint: &str,
        month: Month,
        now: &[&Finding],
        then: &[Finding],
    ) {
        let mut unit = UnitChange {
            endpoint: endpoint.to_owned(),
            month,
            appear: 0,
            vanish: 0,
            change: 0,
        };
        let by_id: BTreeMap<EventId, &Finding> = now.iter().map(|f| (f.id, *f)).collect();
        let then: BTreeMap<EventId, &Finding> = then.iter().map(|f| (f.id, f)).collect();
        let ids: BTreeSet<EventId> = by_id.keys().chain(then.keys()).copied().collect();
        for id in ids {
            let (change, from, to) = match (by_id.get(&id), then.get(&id)) {
                (Some(old), Some(new)) if says_the_same(old, new) => continue,
                (Some(old), Some(new)) => {
                    unit.change += 1;
                    (Change::Changes, Some(*old), Some(*new))
                }
                (Some(old), None) => {
                    unit.vanish += 1;
                    (Change::Vanishes, Some(*old), None)
                }
                (None, new) => {
                    unit.appear += 1;
                    (Change::Appears, None, new.copied())
                }
            };
            let rule = |finding: Option<&Finding>| finding.map_or("", |f| &f.rule).to_owned();
            let group = FindingGroup {
                change,
                from: rule(from),
                to: rule(to),
            };
            let tally = self.findings.entry(group).or_insert_with(|| FindingTally {
                count: 0,
                endpoint: endpoint.to_owned(),
                month,
                object: to.or(from).map_or("", |f| &f.object).to_owned(),
            });
            tally.count += 1;
        }
        if unit.appear + unit.vanish + unit.change > 0 {
            self.units_changed += 1;
            if self.units.len() < UNITS_LISTED {
                self.units.push(unit);
            }
        }
    }
}

fn says_the_same(old: &Finding, new: &Finding) -> bool {
    // Evidence is told by identities: of equal records another copy may be the one that is shown.
    let told = |finding: &Finding| {
        let evidence: Vec<EventId> = finding.evidence.iter().map(|e| e.id).collect();
        let mut finding = finding.clone();
        finding.evidence.clear();
        (finding, evidence)
    };
    told(old) == told(new)
}

/// What differs between an event as it is stored and as the rules would make it. Its place does not count: of equal records
/// another copy may be the one that is stored.
pub(super) fn differences(
    old: &Event,
    new: &Event,
    old_rules: Option<&Rules>,
    new_rules: &Rules,
) -> Vec<&'static str> {
    let mut fields = Vec::new();
    if old.rule != new.rule {
        fields.push("rule");
    }
    let category = |rules: &Rules, rule: &str| rules.get(rule).map(|rule| rule.category.clone());
    if old_rules.is_some_and(|rules| category(rules, &old.rule) != category(new_rules, &new.rule)) {
        fields.push("category");
    }
    if old.object != new.object {
        fields.push("object");
    }
    if old.codes != new.codes {
        fields.push("codes");
    }
    let rest = |event: &Event| Event {
        stream: StreamId(0),
        offset: 0,
        length: 0,
        open: false,
        rule: String::new(),
        object: String::new(),
        codes: Vec::new(),
        ..event.clone()
    };
    if rest(old) != rest(new) {
        fields.push("other");
    }
    fields
}

pub(super) fn example_of(endpoint: &str, event: &Event) -> Example {
    Example {
        endpoint: endpoint.to_owned(),
        source: event.source,
        stream: event.stream,
        offset: event.offset,
        logged: event.logged,
        text: event.text.chars().take(EXAMPLE_CHARS).collect(),
    }
}
