#![doc = include_str!("../README.md")]

mod config;
mod server;

mod api;
mod assets;
mod guard;
mod json;
mod looks;
mod roles;

mod error;
mod rule_texts;
mod texts;
mod turns;

pub use config::Config;
pub use roles::{Gives, Reader};
pub use server::{Web, addresses, router};
