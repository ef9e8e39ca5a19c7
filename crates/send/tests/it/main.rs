//! The client against a real intake, whose sink is in memory.
//!
//! - `archive.rs`: a made-up archive of a fleet, with all that goes wrong in one.
//! - `backfill.rs`: such an archive, sent once.
//! - `certificates.rs`: certificates in place of tokens.
//! - `proxy.rs`: breaks connections.
//! - `send.rs`: files sent whole, through faults.
//! - `tls.rs`: who trusts whom.

mod archive;
mod backfill;
mod certificates;
#[path = "../../../files/tests/it/logs.rs"]
#[expect(dead_code, reason = "shared with the tests of files")]
mod logs;
mod proxy;
mod send;
#[path = "../../../ingest/tests/it/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the intake")]
mod support;
mod tls;
