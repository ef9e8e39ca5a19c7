//! What pages ask, as named questions with typed answers. All of them read each identity once.

mod alerts;
mod causes;
mod codes;
mod coverage;
mod derived;
mod endpoint;
mod endpoints;
mod figures;
mod filter;
mod groups;
mod held;
pub(crate) mod messages;
mod overview;
mod place;
mod seen;
mod sets;
mod states;
mod told;

pub use alerts::{
    ALERT_GROUPS, ALERT_HEARD_DAYS, AlertBy, AlertCause, AlertGroup, AlertMachines, causes_by_key,
};
pub use causes::{Cause, Trend};
pub use codes::{CodeSeen, EndpointCode};
pub use coverage::{Gap, StreamSummary, UtcSegment};
pub use derived::{ListedAttempt, ListedFinding};
pub use endpoint::{EndpointDetail, EndpointHead, Lists};
pub use endpoints::{EndpointPage, EndpointSummary, EndpointsAsked, Sort, Wanted};
pub use filter::{CauseId, Filter};
pub use groups::Group;
pub use held::{CoverageGap, MissingReason, SourceCoverage};
pub use overview::{
    CHART_DAYS, CategoryBucket, KbSummary, OutcomeBucket, Overview, SILENT_DAYS, Step, TopCode,
    Totals,
};
pub use place::{Ends, Place};
pub use states::{Failing, Machines, State};

use event::LoggedAt;

/// A day of logged time, as days since 1970.
pub type Day = u16;

/// The first second of a day.
pub fn day_start(day: Day) -> LoggedAt {
    LoggedAt(i64::from(day) * 86_400)
}
