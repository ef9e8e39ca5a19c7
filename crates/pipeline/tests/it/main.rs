//! The pipeline on the real embedded engine, fed with made-up logs. One binary, because a process has one engine; each test has
//! endpoints of its own.
//!
//! - `whole`: what is stored and derived equals what classifying and deriving in memory gives, however the logs were cut
//! - `faults`: a store that is away, restarts, stopping
//! - `letters`: chunks that cannot be processed
//! - `isolation`: one endpoint harms only itself
//! - `merge`: two endpoints become one
//! - `erase`: what was erased comes back by no way

mod erase;
mod faults;
mod harness;
mod isolation;
mod letters;
mod logs;
mod merge;
mod whole;
