//! The program itself against a real intake, whose sink is in memory.
//!
//! - `life.rs`: checked, started, killed, refused, and what it sent.

mod life;
#[path = "../../../ingest/tests/it/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the intake")]
mod support;
