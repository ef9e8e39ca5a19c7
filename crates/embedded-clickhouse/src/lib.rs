#![doc = include_str!("../README.md")]

// The process that starts the engine's, and what both agree on.
mod folder;
mod process;

// The engine's process, from its first line on.
pub mod child;
mod confinement;
mod engine;

// In the order in which a request meets them.
mod server;

mod access;
mod body;
mod exception;
mod execute;
mod format;
mod multipart;
mod places;
mod policy;
mod reply;
mod request;
mod session;
mod statement;

mod connection;
mod library;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

#[cfg(feature = "testing")]
pub mod testing;

pub use access::Tokens;
pub use engine::{EngineConfig, EngineError};
pub use folder::Folder;
pub use process::{EngineProcess, Health, Plan, Status};

/// The version of libchdb that this crate is written and tested for.
pub const VERSION: &str = "26.7.3";
