//! From the text of logs to findings and verdict.
//!
//! - `agent`, `searches`: the update agent, of every generation
//! - `commands`: DISM
//! - `event_logs`: event logs, alone and beside a servicing log; updates installed by hand
//! - `setup`: Setup and sysprep
//! - `objects`: what a failure is about
//! - `states`: what the verdict says of a history
//! - `strangers`: texts whose heads, stamps or columns got lost
//! - `windows`: days derived one by one
//! - `new_failures`, `quiet`: PCs that nobody drew up by hand; failures that no rule knows are never health, and quiet PCs stay quiet

mod agent;
mod commands;
mod event_logs;
mod logs;
mod new_failures;
mod objects;
mod pc;
mod quiet;
mod searches;
mod setup;
mod states;
mod strangers;
mod windows;
