//! The store's SQL on the real embedded engine. One binary, because a process has one engine; tests share its tables, and each
//! has endpoints of its own, named after it.
//!
//! - `schema`: migrations
//! - `first_release`: rows of the first release go into the tables of today
//! - `replay`: repeats and orders of inserts change no answer
//! - `open_records`: growing copies and live tails
//! - `days`: inputs and parts of days, streams, what news touches
//! - `derivations`: versions, current sets
//! - `news`: what is left to derive, and whose it is
//! - `sets`: which derived rows stay and which go
//! - `stream_ends`: where streams go on
//! - `raw`: windows of text, resuming, imports
//! - `pages`: what the pages ask
//! - `dead_letters`: kept as they came, folded, sent back
//! - `tokens`: states of tokens, enrolment by several intakes at once
//! - `endpoints`: names, labels and host names, and pages that narrow by them
//! - `lost`: what senders say to be lost, and ids of several machines
//! - `audit`: who did what, whole or not
//! - `replicas`: what a made-up server with replicas hears

mod audit;
mod coverage;
mod days;
mod dead_letters;
mod derivations;
mod endpoints;
mod first_release;
mod harness;
mod lists;
mod lost;
mod news;
mod open_records;
mod pages;
mod raw;
mod replay;
mod replicas;
mod schema;
mod sets;
mod stream_ends;
mod tokens;
