#![doc = include_str!("../README.md")]

mod config;
mod server;

mod api;
mod assets;
mod guard;
mod json;

mod error;
mod rule_texts;
mod texts;
mod turns;

pub use api::Reader;
pub use config::Config;
pub use server::{Web, router};
