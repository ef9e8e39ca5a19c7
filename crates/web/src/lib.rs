#![doc = include_str!("../README.md")]

mod config;
mod server;

mod api;
mod assets;
mod document;
mod guard;
mod json;
mod looks;
mod roles;
mod schema;

mod error;
mod rule_texts;
mod texts;
mod turns;

pub use config::Config;
pub use document::document;
pub use roles::{Gives, Reader};
pub use server::{Web, addresses, router};
