//! What runs: one file a role, each top to bottom in the order data flows.

mod admin;
mod alert;
mod desk;
mod door;
pub(crate) mod engine;
mod ingest;
mod intake;
mod pipeline;
mod process;
pub(crate) mod receivers;
mod tokens;
mod up;
mod web;

pub(crate) use alert::alert;
pub(crate) use door::files_needed;
pub(crate) use engine::Remote;
pub(crate) use ingest::ingest;
pub(crate) use pipeline::pipeline;
pub(crate) use process::{TENANT, role, stop_on_signal};
pub(crate) use up::up;
pub(crate) use web::web;
