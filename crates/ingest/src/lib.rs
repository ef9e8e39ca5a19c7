#![doc = include_str!("../README.md")]

mod config;
pub mod desk;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http;
pub mod offsets;
pub mod sink;

pub use config::{Config, RawConfig};
pub use desk::{Callers, Desk};
pub use http::{Traffic, for_readers, router};
pub use offsets::{Import, Imported, Offsets};
pub use sink::{ChunkSink, Pace, SinkError};
