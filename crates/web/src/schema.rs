//! What answers are made of besides numbers and names: lists of words, and texts of one shape. Fields hold them as text, and name them here
//! for the document.

use classify::Verdict;
use event::{GapReason, Level, Outcome, Role, Severity, Source, UtcHow};
use serde::Serialize;
use store::{AlertPhase, JobState, MissingReason, State, Trend};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use windows_error_codes::Space;

/// Words, all of them where they come from.
macro_rules! words {
    ($($(#[doc = $says:literal])* $name:ident = $words:expr;)*) => {$(
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let words: Vec<&'static str> = $words.into_iter().collect();
                text(concat!($($says),*)).enum_values(Some(words)).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

/// Texts of one shape, as a regular expression says it.
macro_rules! shapes {
    ($($(#[doc = $says:literal])* $name:ident = $shape:literal;)*) => {$(
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                text(concat!($($says),*)).pattern(Some($shape)).into()
            }
        }

        impl ToSchema for $name {}
    )*};
}

fn text(says: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(says.trim()))
}

words! {
    /// What there is to say of a PC, the gravest first. `superseded` is told as `installed`; `not_tried` where it tried nothing.
    PcState = State::ALL
        .into_iter()
        .filter(|state| *state != State::Superseded)
        .map(State::name)
        .chain(["not_tried"]);
    /// Which PCs a list holds.
    WantedName = State::ALL
        .map(State::name)
        .into_iter()
        .chain(["not_tried", "silent", "clock_ahead", "cloned"]);
    /// The order of a list of PCs.
    SortName = ["name", "failed", "last_failure", "last_seen"];
    /// What became of an update on a PC.
    KbState = State::ALL.map(State::name);
    /// How a cause goes on, against a day before and then a week; `noted`: nothing failed by it.
    CauseState = Trend::ALL.map(Trend::name);
    /// As `cbsift scan` has it.
    VerdictName = Verdict::ALL.map(Verdict::name);
    /// How an attempt ended.
    AttemptOutcome = Outcome::ALL.map(Outcome::name);
    /// How grave a finding is.
    FindingSeverity = Severity::ALL.map(Severity::name);
    /// A kind of log.
    LogSource = Source::ALL.map(Source::name);
    /// What a record's head says of it.
    LogLevel = [Level::Unknown, Level::Info, Level::Warning, Level::Error].map(Level::name);
    /// Whose numbers a code is one of.
    CodeSpace = Space::ALL.map(Space::name);
    /// What shows the offset of a log's clock from UTC.
    UtcShownBy = [
        UtcHow::CsiStamp,
        UtcHow::UniversalTime,
        UtcHow::StampOffset,
        UtcHow::SessionId,
    ]
    .map(UtcHow::name);
    /// Why a part of a log is lost for good.
    LostReason = GapReason::ALL.map(GapReason::name);
    /// Of what places are told.
    LostUnit = ["bytes", "records"];
    /// Why logs of a time are missing.
    HeldReason = [
        MissingReason::StartMissing,
        MissingReason::NotReceived,
        MissingReason::TopicLost,
        MissingReason::NoLog,
        MissingReason::Silent,
    ]
    .into_iter()
    .chain(GapReason::ALL.map(MissingReason::Lost))
    .map(MissingReason::name);
    /// What PCs have in common.
    CommonKind = ["build", "servicing_stack", "label"];
    /// What a record is in a try, in the order that a ladder has them.
    RungKind = ["origin", "start", "passed", "result", "end"];
    /// How far a chart's figures stand apart.
    StepName = ["hour", "day"];
    /// What readers may be.
    RoleName = Role::ALL.map(Role::name);
    /// How far a job is.
    JobStateName = JobState::ALL.map(JobState::name);
    /// What a rule of alerts calls it.
    AlertSeverity = ["info", "warning", "critical"];
    /// What a rule of alerts is in; `error`: it could not be asked.
    AlertRuleState = ["inactive", "pending", "firing", "error"];
    /// What an alert is in.
    AlertStateName = [AlertPhase::Pending, AlertPhase::Firing, AlertPhase::Resolved].map(AlertPhase::name);
}

shapes! {
    /// A time as logged, of the PC's own clock: `2022-08-18 15:53:46`.
    LoggedTime = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$";
    /// A time in UTC: `2022-08-18T07:53:46.609Z`.
    UtcTime = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$";
    /// A day: `2022-08-18`.
    DayText = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    /// A code: `0x` and eight lower-case digits; a number of Win32 or of the database engine is decimal, `1392` or `-1811`.
    CodeText = r"^(0x[0-9a-f]{8}|-?[0-9]+)$";
}

/// The last line of a list that was cut.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cut {
    /// `cut after 100000 of 120000 lines`
    cut: String,
}
