//! What pages ask, as named questions with typed answers. All of them read each identity once.

mod alerts;
mod attempt;
mod cause;
mod causes;
mod changes;
mod codes;
mod coverage;
mod curve;
mod derived;
mod endpoint;
mod endpoints;
mod export;
mod figures;
mod filter;
mod groups;
mod held;
mod judged;
pub(crate) mod kept;
mod lost;
mod marks;
pub(crate) mod messages;
mod overview;
mod place;
mod reporting;
mod search;
mod seen;
mod sets;
mod states;
mod system;
mod told;
mod tries;
mod unexplained;
mod updates;
mod updates_of;
mod whole;

pub use alerts::{
    AlertAnswer, AlertBaseline, AlertBy, AlertCause, AlertClock, AlertGroup, AlertMachines,
    AlertQuestion, AlertReached, AlertReport, Hearing,
};
pub use attempt::{AttemptDetail, EndpointName};
pub use cause::{CauseDay, CauseDetail, CauseKb, Common};
pub use causes::{Cause, CauseTotals, Causes, Trend};
pub use changes::RuleChange;
pub use codes::{CodeSeen, EndpointCode};
pub use coverage::{Gap, StreamSummary, UtcSegment};
pub use derived::{ListedAttempt, ListedFinding};
pub use endpoint::{EndpointDetail, EndpointHead, Lists};
pub use endpoints::{EndpointPage, EndpointSummary, EndpointsAsked, Sort, Wanted};
pub use export::{ExportColumn, ExportKind, ExportProgress, ExportRow, ExportType};
pub use filter::{CauseId, Filter, alike};
pub use groups::Group;
pub use held::{CoverageGap, MissingReason, SourceCoverage};
pub use judged::Judged;
pub use lost::LostPiece;
pub use overview::{
    CHART_DAYS, CategoryBucket, KbSummary, OutcomeBucket, Overview, SILENT_DAYS, Step, TopCode,
    Totals,
};
pub use place::{Ends, Place};
pub use reporting::{Coverage, LogGap};
pub use search::FoundObject;
pub use states::{Failing, Machines, State};
pub use system::{PublishedRuleSet, TableSize, Trouble};
pub use unexplained::{Unexplained, UnexplainedCluster, UnexplainedSample};
pub use updates::{BuildRollout, Rollout, RolloutDay, Updates};
pub use updates_of::UpdateOfEndpoint;
pub use whole::Whole;

use event::LoggedAt;

/// A day of logged time, as days since 1970.
pub type Day = u16;

/// The first second of a day.
pub fn day_start(day: Day) -> LoggedAt {
    LoggedAt(i64::from(day) * 86_400)
}
