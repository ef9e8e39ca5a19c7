//! Alerts over the real engine: what is counted, what is said once, and who says it. One engine; each test has a tenant of its own.
//!
//! - `incident`: an update starts to fail: one message, whoever evaluates and wherever it is killed
//! - `senders`: receivers that hang, refuse and are busy; restarts; a second evaluator
//! - `figures`: the same numbers as the pages; looking back

mod figures;
mod harness;
mod incident;
mod senders;
