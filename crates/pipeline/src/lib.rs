#![doc = include_str!("../README.md")]

// In the order in which a chunk meets them.
mod pipeline;

mod feed;

mod foreign;

mod names;

mod intake;

mod rule_sets;

mod step;

mod letters;

mod outbox;

mod deriver;

mod reprocess;

mod merge;

mod config;
mod error;
mod status;

pub use config::Config;
#[cfg(feature = "testing")]
pub use config::Planted;
pub use error::PipelineError;
pub use feed::{Feed, FeedStatus};
pub use foreign::ForeignTopics;
pub use intake::Handle;
pub use letters::{chunk_of, record_of};
pub use merge::{Merged, NAMES_SETTLED, merge, plan_merge};
pub use names::Names;
pub use pipeline::Pipeline;
pub use reprocess::{
    Asked, Change, EventGroup, EventTally, Example, FindingGroup, FindingTally, Pace, Plan,
    Progress, Refused, UnitChange, apply, begin, files_of, plan, roll_back, sweep,
};
pub use rule_sets::{
    ActiveSet, PublishError, Published, PublishedAs, RuleSetError, newest, publish, publish_shipped,
};
pub use status::{Counts, Status};
