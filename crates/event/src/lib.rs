#![doc = include_str!("../README.md")]

mod chunk;
pub mod civil;
mod derived;
mod endpoint;
mod event;
mod gap;
mod news;
mod time;
mod token;
pub mod upload;

pub use chunk::{Chunk, Format, MESSAGE_PATH, StreamId, TextEncoding, UtcAnchor, UtcHow};
pub use derived::{Attempt, Derivation, Evidence, Finding, Outcome, Severity, Unit};
pub use endpoint::{is_endpoint_id, is_formula, is_label_name, is_label_value};
pub use event::{Event, EventId, Level, Marker, Noise, Source};
pub use gap::{GAP_PATH, GapReason};
pub use news::UnitNews;
pub use time::{Day, LoggedAt, Month, UtcMillis};
pub use token::{
    Enrolled, Enrolment, KnownEndpoint, RefuseReason, Role, SecretHash, TokenKind, WaitReason,
    endpoint_of_machine,
};
/// A code as records carry it: what [`Code::new`] makes of 32 bits.
pub use windows_error_codes::Code;
