//! Alerts over the real engine: what is counted, what is said once, and who says it. One engine; each test has a tenant of its own.
//!
//! - `incident`: an update starts to fail: one message, whoever evaluates and wherever it is killed
//! - `senders`: receivers that hang, refuse and are busy; restarts; a second evaluator
//! - `figures`: the same numbers as the pages; looking back
//! - `baseline`: an update against the one before it, when that was as old
//! - `clocks`: zones of machines, and clocks that are wrong
//! - `silence`: PCs that are silent, and times in which nobody was heard
//! - `lost`: PCs of which logs are lost, and ids that several machines send as
//! - `away`: the store is away for a while: nothing false is told, and nothing lost
//! - `pages`: rules that pages write are loaded
//! - `cost`: what evaluation of a fleet takes
//! - `year`: twelve patch days with six incidents, noise, silent PCs and wrong clocks, looked back at

mod away;
mod baseline;
mod clocks;
mod cost;
mod figures;
mod harness;
mod incident;
mod lost;
mod pages;
mod question;
mod senders;
mod silence;
mod year;
