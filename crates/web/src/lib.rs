#![doc = include_str!("../README.md")]

mod config;
mod server;

mod api;
mod assets;
mod guard;

mod error;
mod texts;

pub use config::Config;
pub use server::{Web, router};
