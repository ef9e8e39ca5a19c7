#![doc = include_str!("../README.md")]

mod config;
pub mod files;
pub mod http;
pub mod offsets;
pub mod send;
pub mod sink;
pub mod tokens;

pub use config::{Config, RawConfig};
pub use files::{FileChunks, FileError, Found, LogFile, find};
pub use http::{
    Serving, Tls, TlsError, TlsFiles, Traffic, check_listen, for_readers, router, serve,
};
pub use offsets::{FileDigest, Import, Offsets, Owner};
pub use sink::{ChunkSink, SinkError};
pub use tokens::Tokens;
