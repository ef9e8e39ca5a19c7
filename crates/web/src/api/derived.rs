//! Attempts and findings as answers show them.

use super::{file::or_empty, logged, name};
use crate::{
    rule_texts::RuleTexts,
    schema::{AttemptOutcome, CodeText, FindingSeverity, LogSource, LoggedTime, UtcTime},
    texts::{self, Text},
};
use classify::Standing;
use event::{Code, StreamId};
use serde::Serialize;
use std::ops::Range;
use store::{ListedAttempt, ListedFinding};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptOut {
    /// Sixteen hex digits.
    pub(super) id: String,
    pub(super) package: String,
    pub(super) kb: String,
    pub(super) client: String,
    pub(super) session: String,
    #[schema(value_type = Option<LoggedTime>)]
    pub(super) start: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    pub(super) end: Option<String>,
    #[schema(value_type = Option<UtcTime>)]
    pub(super) start_utc: Option<String>,
    #[schema(value_type = AttemptOutcome)]
    pub(super) outcome: &'static str,
    #[schema(value_type = Option<CodeText>)]
    pub(super) terminal_code: Option<String>,
    pub(super) terminal_name: Option<&'static str>,
    /// The place of its finding in the list of findings.
    pub(super) finding: Option<String>,
}

impl From<ListedAttempt> for AttemptOut {
    fn from(ListedAttempt { attempt, cause }: ListedAttempt) -> Self {
        Self {
            id: format!("{:016x}", attempt.id.0),
            package: name(attempt.package),
            kb: attempt.kb,
            client: name(attempt.client),
            session: name(attempt.session),
            start: logged(attempt.start),
            end: logged(attempt.end),
            start_utc: attempt.start_utc.map(|utc| utc.to_string()),
            outcome: attempt.outcome.name(),
            terminal_code: attempt.terminal_code.map(|code| code.to_string()),
            terminal_name: attempt.terminal_code.and_then(Code::name),
            finding: cause.map(|place| place.to_string()),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Finding)]
pub(crate) struct FindingOut {
    /// Sixteen hex digits.
    pub(super) id: String,
    /// Where it stands in the list of findings.
    pub(super) place: String,
    /// Empty where no rule names it.
    pub(super) rule: String,
    pub(super) category: String,
    #[schema(value_type = FindingSeverity)]
    pub(super) severity: &'static str,
    pub(super) title: Text,
    /// A step a line.
    pub(super) advice: Text,
    #[schema(value_type = Option<CodeText>)]
    pub(super) root_code: Option<String>,
    pub(super) root_name: Option<&'static str>,
    #[schema(value_type = Option<CodeText>)]
    pub(super) terminal_code: Option<String>,
    /// What it is about, or empty.
    pub(super) object: String,
    pub(super) kb: String,
    pub(super) package: String,
    pub(super) component: String,
    #[schema(value_type = Option<LoggedTime>)]
    pub(super) logged: Option<String>,
    #[schema(value_type = Option<UtcTime>)]
    pub(super) utc: Option<String>,
    /// In percent.
    pub(super) confidence: u8,
    pub(super) reasons: Vec<Reason>,
    pub(super) count: u32,
    /// Whether nothing that came later ended it; absent where that is not asked, or too much to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(super) open: Option<bool>,
    /// The update that ended it.
    pub(super) closed_by: Option<String>,
    pub(super) evidence: Vec<EvidenceOut>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Reason {
    key: String,
    text: Text,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Evidence)]
pub(super) struct EvidenceOut {
    #[schema(value_type = LogSource)]
    source: &'static str,
    stream: String,
    offset: u64,
    length: u64,
    /// Nothing where who asks may see no text of logs.
    text: Option<String>,
}

impl EvidenceOut {
    /// Source, stream, offset and text, for tables.
    pub(super) fn cells(&self) -> [String; 4] {
        [
            self.source.to_owned(),
            self.stream.clone(),
            self.offset.to_string(),
            or_empty(self.text.as_ref()),
        ]
    }
}

/// Where the records stand that a finding shows.
pub(super) fn places(finding: &ListedFinding) -> impl Iterator<Item = (StreamId, Range<u64>)> {
    let evidence = finding.finding.evidence.iter();
    evidence.map(|at| (at.stream, at.offset..at.offset.saturating_add(at.length)))
}

impl FindingOut {
    /// For whoever may see no text of logs.
    pub(super) fn without_text(mut self) -> Self {
        for evidence in &mut self.evidence {
            evidence.text = None;
        }
        self
    }

    pub(crate) fn new(
        rules: &RuleTexts,
        ListedFinding { finding, place }: ListedFinding,
        standing: Option<&Standing>,
    ) -> Self {
        let (rule, code) = (rules.get(&finding.rule), finding.code());
        let object = name(finding.object);
        Self {
            id: format!("{:016x}", finding.id.0),
            place: place.to_string(),
            title: classify::title(rule, &object, code).into(),
            advice: texts::advice(rule),
            rule: finding.rule,
            category: finding.category,
            severity: finding.severity.name(),
            root_code: finding.root_code.map(|code| code.to_string()),
            root_name: finding.root_code.and_then(Code::name),
            terminal_code: finding.terminal_code.map(|code| code.to_string()),
            object,
            kb: finding.kb,
            package: name(finding.package),
            component: name(finding.component),
            logged: logged(finding.logged),
            utc: finding.utc.map(|utc| utc.to_string()),
            confidence: finding.confidence,
            reasons: finding
                .reasons
                .into_iter()
                .map(|key| Reason {
                    text: texts::reason(&key),
                    key,
                })
                .collect(),
            count: finding.count,
            open: standing.map(|standing| *standing == Standing::Open),
            closed_by: match standing {
                Some(Standing::Over(kb)) if !kb.is_empty() => Some(kb.clone()),
                _ => None,
            },
            evidence: finding
                .evidence
                .into_iter()
                .map(|evidence| EvidenceOut {
                    source: evidence.source.name(),
                    stream: evidence.stream.to_string(),
                    offset: evidence.offset,
                    length: evidence.length,
                    text: Some(evidence.text),
                })
                .collect(),
        }
    }
}
