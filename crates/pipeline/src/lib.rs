#![doc = include_str!("../README.md")]

// In the order in which a chunk meets them.
mod pipeline;

mod feed;

mod intake;

mod step;

mod outbox;

mod deriver;

mod config;
mod error;
mod status;

pub use config::Config;
pub use error::PipelineError;
pub use feed::{Bury, Feed, FeedStatus, Letter};
pub use intake::Handle;
pub use pipeline::Pipeline;
pub use status::{Counts, Status};
