//! The program for Windows under Wine, against the one of this system: what either prints is the same, byte for byte.
//!
//! | file | covers |
//! | --- | --- |
//! | `../wine/programs.rs` | starts programs under Wine |
//! | `wine.rs` | holds their answers against those of the one of this system |
//! | `same.rs` | every made-up log and every seed of the fuzzers, alone and in folders, in every form |
//! | `machine.rs` | a planted Windows: its page, its bundle, what redaction leaves, what is locked |
//! | `planted.rs` | that Windows, with names in its logs that must not leave |
//! | `files.rs` | `verify` and `tree` |
//!
//! What Wine has no part of (the servicing stack, event channels, elevation) is said in `docs/engineer.md`.

#[path = "../it/fixtures.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the system tests, which use the rest"
)]
mod fixtures;

mod files;
mod machine;
mod planted;
#[path = "../wine/programs.rs"]
mod programs;
mod same;
mod wine;
