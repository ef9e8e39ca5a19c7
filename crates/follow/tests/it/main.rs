//! The follower against a disk on which a writer does what writers do.
//!
//! - `world.rs`: the writer, and what it knows of every log that it ever wrote.
//! - `disk.rs`: how it reaches its files; the tests of the program for Windows write in another way.
//! - `intake.rs`: what is acknowledged, and that it tiles every stream.
//! - `torture.rs`: both and the follower in an order of chance, the follower killed at its points.
//! - `evtx.rs`: event logs for them.
//! - `ring.rs`: an event log that wraps, and a follower that dies.
//! - `cases.rs`: one case after the other, as people would tell them.

mod cases;
mod disk;
mod evtx;
mod intake;
mod ring;
mod torture;
mod world;
