//! Lines that several lists have: causes, updates and codes, in JSON and in tables.

use super::{
    file::{Line, or_empty},
    logged, name,
};
use crate::{
    rule_texts::RuleTexts,
    schema::{CauseState, CodeSpace, CodeText, DayText, LoggedTime},
    texts::{self, Text},
};
use event::Code;
use serde::Serialize;
use store::{KbSummary, Machines, State, Trend};
use utoipa::ToSchema;

/// A line of a list of causes.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cause {
    #[serde(flatten)]
    pub(super) head: CauseHead,
    /// How many there are.
    objects: u64,
}

impl Cause {
    pub(super) fn new(rules: &RuleTexts, cause: store::Cause) -> Self {
        Self {
            objects: cause.objects,
            head: CauseHead::new(rules, cause),
        }
    }
}

/// A cause, on its own page too, which lists the objects.
#[derive(Serialize, ToSchema)]
pub(super) struct CauseHead {
    /// What the filter `cause` takes: its rule, or where no rule names it its category, then `~`, then its code, which may be empty.
    pub(super) id: String,
    /// Nothing where the range begins too late to tell.
    #[schema(value_type = Option<CauseState>)]
    pub(super) state: Option<&'static str>,
    pub(super) category: String,
    /// Empty where no rule names it.
    pub(super) rule: String,
    pub(super) title: Text,
    #[schema(value_type = Option<CodeText>)]
    root_code: Option<String>,
    root_name: Option<&'static str>,
    /// The object where all name the same one, or empty.
    object: String,
    /// PCs that fail by it now.
    pcs_now: u64,
    /// Nothing where the range begins later; so is `pcs_week_ago`.
    pcs_day_ago: Option<u64>,
    pcs_week_ago: Option<u64>,
    /// PCs that fail or failed by it in the range.
    pcs: u64,
    /// Failed attempts, or repeats of findings that stand alone.
    count: u64,
    #[schema(value_type = Option<LoggedTime>)]
    first: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    last: Option<String>,
}

impl CauseHead {
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
            pcs_now: cause.failing.now,
            pcs_day_ago: cause.failing.day_ago,
            pcs_week_ago: cause.failing.week_ago,
            pcs: cause.endpoints,
            count: cause.count,
            first: logged(cause.first),
            last: logged(cause.last),
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
        let head = &self.head;
        vec![
            head.id.clone(),
            or_empty(head.state.as_ref()),
            head.category.clone(),
            head.rule.clone(),
            head.title.en.clone(),
            head.title.zh.clone(),
            or_empty(head.root_code.as_ref()),
            or_empty(head.root_name.as_ref()),
            head.object.clone(),
            self.objects.to_string(),
            head.pcs_now.to_string(),
            or_empty(head.pcs_day_ago.as_ref()),
            or_empty(head.pcs_week_ago.as_ref()),
            head.pcs.to_string(),
            head.count.to_string(),
            or_empty(head.first.as_ref()),
            or_empty(head.last.as_ref()),
        ]
    }
}

/// PCs that tried an update, by what became of it. `installed` are all that have it.
#[derive(Serialize, ToSchema)]
pub(super) struct ByState {
    pub(super) tried: u64,
    /// With those that recovered or have a later update instead.
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
#[derive(Serialize, ToSchema)]
pub(crate) struct Kb {
    pub(super) kb: String,
    #[serde(flatten)]
    pcs: ByState,
    /// Attempts.
    failed: u64,
    /// Attempts.
    succeeded: u64,
    /// The day on which the first one began.
    #[schema(value_type = Option<DayText>)]
    first: Option<String>,
    /// The day on which the last one began.
    #[schema(value_type = Option<DayText>)]
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
#[derive(Serialize, ToSchema)]
pub(crate) struct CodeCount {
    #[schema(value_type = CodeText)]
    code: String,
    #[schema(value_type = CodeSpace)]
    space: &'static str,
    names: Vec<&'static str>,
    meaning: Option<Text>,
    /// Records that carry it, those of `noise` among them.
    events: u64,
    /// Records of these that are known to be harmless.
    noise: u64,
}

impl CodeCount {
    pub(crate) fn new(code: Code, events: u64, noise: u64) -> Self {
        Self {
            code: code.to_string(),
            space: code.space().name(),
            names: classify::catalogue::names(code),
            meaning: texts::meaning(code),
            events,
            noise,
        }
    }

    fn cells_with(&self, endpoints: String) -> Vec<String> {
        let meaning = self.meaning.clone().unwrap_or_default();
        vec![
            self.code.clone(),
            self.space.to_owned(),
            self.names.join(", "),
            meaning.en,
            meaning.zh,
            self.events.to_string(),
            self.noise.to_string(),
            endpoints,
        ]
    }
}

/// A code of the fleet.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopCode {
    #[serde(flatten)]
    count: CodeCount,
    /// PCs that have such records.
    endpoints: u64,
}

impl From<store::TopCode> for TopCode {
    fn from(code: store::TopCode) -> Self {
        Self {
            count: CodeCount::new(code.code, code.events, code.noise),
            endpoints: code.endpoints,
        }
    }
}

const CODE_COLUMNS: &[&str] = &[
    "code",
    "space",
    "names",
    "meaning_en",
    "meaning_zh",
    "events",
    "noise",
    "endpoints",
];

impl Line for TopCode {
    const COLUMNS: &'static [&'static str] = CODE_COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.count.cells_with(self.endpoints.to_string())
    }
}

/// Of one machine: how many have it is not asked.
impl Line for CodeCount {
    const COLUMNS: &'static [&'static str] = CODE_COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.cells_with(String::new())
    }
}
