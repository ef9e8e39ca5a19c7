#![doc = include_str!("../README.md")]

mod config;
pub mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod http;
pub mod offsets;
pub mod send;
pub mod sink;
pub mod tokens;

pub use config::{Config, RawConfig};
pub use files::{FileChunks, FileError, Found, LogFile, find};
pub use http::{Traffic, for_readers, router};
pub use offsets::{FileDigest, Import, Imported, Offsets, Owner};
pub use sink::{ChunkSink, SinkError};
pub use tokens::Tokens;
