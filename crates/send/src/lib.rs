#![doc = include_str!("../README.md")]

mod client;
mod send;
mod trust;
mod uplink;
mod upload;

pub use client::ClientError;
pub use send::{Progress, SendError, SendFailure, SendOptions, SentFile, Summary, send};
pub use uplink::{Enrolled, Enrolling, Part, Uplink, chance, new_secret};
