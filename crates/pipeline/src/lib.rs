#![doc = include_str!("../README.md")]

// In the order in which a chunk meets them.
mod intake;

mod step;

mod outbox;

mod deriver;

mod keeper;

mod config;
mod error;
mod pipeline;

pub use config::Config;
pub use error::PipelineError;
pub use intake::Handle;
pub use keeper::DiskStatus;
pub use pipeline::{Pipeline, Summary};
