#![doc = include_str!("../README.md")]

mod backfill;
mod client;
mod send;
mod trust;
mod uplink;
mod upload;

pub use backfill::{
    BackfillError, BackfillOptions, Case, Failed, Gap, JournalError, Left, Listed, Mixed,
    OfEndpoint, Pattern, Report, Skipped, Step, Tallies, Tally, Why, backfill, state_beside,
};
pub use client::ClientError;
pub use send::{
    CertificateFiles, Progress, SendError, SendFailure, SendOptions, SentFile, Summary, send,
};
pub use uplink::{Enrolled, Enrolling, Lost, Part, Uplink, chance, new_secret};
