//! The program itself against a real intake, whose sink is in memory.
//!
//! - `agent.rs`: starts it, and asks it.
//! - `life.rs`: checked, started, killed, refused, and what it sent.
//! - `lost.rs`: what is lost is told.

mod agent;
#[path = "../../../follow/tests/it/evtx.rs"]
mod evtx;
mod life;
mod lost;
#[path = "../../../ingest/tests/it/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the intake")]
mod support;

use std::process::Command;

/// The program of this system.
const IS_UNDER_WINE: bool = false;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cbsift-agent"))
}
