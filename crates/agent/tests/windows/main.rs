//! The agent for Windows under Wine, against a real intake of this system, whose sink is in memory.
//!
//! | file | covers |
//! | --- | --- |
//! | `../it/life.rs` | what the program of this system is tested by |
//! | `machine.rs` | the logs of a Windows that is made up: checked, sent, shown, and as a service from its installation to its removal |
//! | `rotation.rs` | a writer that holds, renames, compresses, cuts and removes its logs as the servicing stack does |
//!
//! `docs/agent.md` says what no test of these has.

#[path = "../it/agent.rs"]
mod agent;
#[path = "../../../follow/tests/it/disk.rs"]
mod disk;
#[path = "../it/life.rs"]
mod life;
mod machine;
#[path = "../../../../tests/wine/programs.rs"]
#[expect(dead_code, reason = "shared with the tests of the other program")]
mod programs;
mod rotation;
#[path = "../../../ingest/tests/it/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the intake")]
mod support;
#[path = "../../../follow/tests/it/world.rs"]
#[expect(dead_code, reason = "shared with the tests of the follower")]
mod world;

use std::process::Command;

/// What it is called in `target/windows`.
const AGENT: &str = "cbsift-agent";

const IS_UNDER_WINE: bool = true;

/// The program for 64 bits: in one for 32 Wine 8 starts no sockets.
fn program() -> Command {
    programs::program(AGENT, "x64")
}
