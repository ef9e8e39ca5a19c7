#![doc = include_str!("../README.md")]

// In the order in which a request meets them.
mod engine;
mod server;

mod access;
mod body;
mod exception;
mod execute;
mod format;
mod multipart;
mod reply;
mod request;
mod session;
mod statement;

mod connection;
mod library;

mod exit;

pub use access::Tokens;
pub use engine::{Engine, EngineConfig, EngineError};
pub use exit::leave;
pub use server::serve;

/// The version of libchdb that this crate is written and tested for.
pub const VERSION: &str = "26.7.3";
