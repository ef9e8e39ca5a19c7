//! Lines that several lists have: causes, updates and codes, in JSON and in tables.

use super::{
    file::{Line, or_empty},
    logged, name,
};
use crate::{
    rule_texts::RuleTexts,
    texts::{self, Text},
};
use event::Code;
use serde::Serialize;
use store::{KbSummary, Machines, State, Trend};

/// A line of a list of causes.
#[derive(Serialize)]
pub(super) struct Cause {
    pub(super) id: String,
    pub(super) state: Option<&'static str>,
    pub(super) category: String,
    pub(super) rule: String,
    pub(super) title: Text,
    root_code: Option<String>,
    root_name: Option<&'static str>,
    object: String,
    /// How many there are; nothing on the cause's own page, which lists them under this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    pcs_now: u64,
    pcs_day_ago: Option<u64>,
    pcs_week_ago: Option<u64>,
    pcs: u64,
    count: u64,
    first: Option<String>,
    last: Option<String>,
}

impl Cause {
    pub(super) fn new(rules: &RuleTexts, cause: store::Cause) -> Self {
        Self {
            id: cause.id().to_string(),
            state: cause.trend.map(Trend::name),
            title: classify::title(rules.get(&cause.rule), "", cause.root_code).into(),
            root_code: cause.root_code.map(|code| code.to_string()),
            root_name: cause.root_code.and_then(event::Code::name),
            category: cause.category,
            rule: cause.rule,
            object: name(cause.object),
            objects: Some(cause.objects),
            pcs_now: cause.failing.now,
            pcs_day_ago: cause.failing.day_ago,
            pcs_week_ago: cause.failing.week_ago,
            pcs: cause.endpoints,
            count: cause.count,
            first: logged(cause.first),
            last: logged(cause.last),
        }
    }

    /// Without the number that the list of its own page takes the place of.
    pub(super) fn without_objects(self) -> Self {
        Self {
            objects: None,
            ..self
        }
    }

    /// Whether a person who looks for some words, in lower case here, may mean it.
    pub(super) fn is_like(&self, search: &str) -> bool {
        let codes = [self.root_code.as_deref(), self.root_name];
        let words = [
            self.id.as_str(),
            &self.category,
            &self.title.en,
            &self.title.zh,
            &self.object,
        ];
        let mut all = words.into_iter().chain(codes.into_iter().flatten());
        all.any(|word| word.to_lowercase().contains(search))
    }
}

impl Line for Cause {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "state",
        "category",
        "rule",
        "title_en",
        "title_zh",
        "root_code",
        "root_name",
        "object",
        "objects",
        "pcs_now",
        "pcs_day_ago",
        "pcs_week_ago",
        "pcs",
        "count",
        "first",
        "last",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            or_empty(self.state.as_ref()),
            self.category.clone(),
            self.rule.clone(),
            self.title.en.clone(),
            self.title.zh.clone(),
            or_empty(self.root_code.as_ref()),
            or_empty(self.root_name.as_ref()),
            self.object.clone(),
            or_empty(self.objects.as_ref()),
            self.pcs_now.to_string(),
            or_empty(self.pcs_day_ago.as_ref()),
            or_empty(self.pcs_week_ago.as_ref()),
            self.pcs.to_string(),
            self.count.to_string(),
            or_empty(self.first.as_ref()),
            or_empty(self.last.as_ref()),
        ]
    }
}

/// PCs that tried an update, by what became of it. `installed` are all that have it.
#[derive(Serialize)]
pub(super) struct ByState {
    pub(super) tried: u64,
    installed: u64,
    recovered: u64,
    superseded: u64,
    restart: u64,
    failing: u64,
    cancelled: u64,
    unknown: u64,
}

impl From<&Machines> for ByState {
    fn from(machines: &Machines) -> Self {
        Self {
            tried: machines.tried(),
            installed: machines.have(),
            recovered: machines.of(State::Recovered),
            superseded: machines.of(State::Superseded),
            restart: machines.of(State::Restart),
            failing: machines.of(State::Failing),
            cancelled: machines.of(State::Cancelled),
            unknown: machines.of(State::Unknown),
        }
    }
}

/// An update, in PCs; `failed` and `succeeded` are attempts.
#[derive(Serialize)]
pub(super) struct Kb {
    pub(super) kb: String,
    #[serde(flatten)]
    pcs: ByState,
    failed: u64,
    succeeded: u64,
    first: Option<String>,
    last: Option<String>,
}

impl Kb {
    pub(super) fn new(kb: KbSummary) -> Self {
        Self {
            pcs: ByState::from(&kb.machines),
            failed: kb.failed,
            succeeded: kb.succeeded,
            first: day_of(kb.first),
            last: day_of(kb.last),
            kb: kb.kb,
        }
    }
}

impl Line for Kb {
    const COLUMNS: &'static [&'static str] = &[
        "kb",
        "tried",
        "installed",
        "recovered",
        "superseded",
        "restart",
        "failing",
        "cancelled",
        "unknown",
        "failed_attempts",
        "succeeded_attempts",
        "first",
        "last",
    ];

    fn cells(&self) -> Vec<String> {
        let pcs = &self.pcs;
        let counts = [
            pcs.tried,
            pcs.installed,
            pcs.recovered,
            pcs.superseded,
            pcs.restart,
            pcs.failing,
            pcs.cancelled,
            pcs.unknown,
            self.failed,
            self.succeeded,
        ];
        let days = [&self.first, &self.last].map(|day| or_empty(day.as_ref()));
        let counts = counts.iter().map(u64::to_string);
        let kb = std::iter::once(self.kb.clone());
        kb.chain(counts).chain(days).collect()
    }
}

/// The day of a time.
fn day_of(at: Option<event::LoggedAt>) -> Option<String> {
    let mut text = logged(at)?;
    text.truncate(10);
    Some(text)
}

/// A code with how often it was seen.
#[derive(Serialize)]
pub(crate) struct CodeCount {
    code: String,
    space: &'static str,
    names: Vec<&'static str>,
    meaning: Option<Text>,
    events: u64,
    noise: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<u64>,
}

impl CodeCount {
    pub(crate) fn new(code: Code, events: u64, noise: u64, endpoints: Option<u64>) -> Self {
        Self {
            code: code.to_string(),
            space: code.space().name(),
            names: classify::catalogue::names(code),
            meaning: texts::meaning(code),
            events,
            noise,
            endpoints,
        }
    }
}

impl Line for CodeCount {
    const COLUMNS: &'static [&'static str] = &[
        "code",
        "space",
        "names",
        "meaning_en",
        "meaning_zh",
        "events",
        "noise",
        "endpoints",
    ];

    fn cells(&self) -> Vec<String> {
        let meaning = self.meaning.clone().unwrap_or_default();
        vec![
            self.code.clone(),
            self.space.to_owned(),
            self.names.join(", "),
            meaning.en,
            meaning.zh,
            self.events.to_string(),
            self.noise.to_string(),
            or_empty(self.endpoints.as_ref()),
        ]
    }
}
