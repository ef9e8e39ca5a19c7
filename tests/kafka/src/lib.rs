#![doc = include_str!("../README.md")]

mod broker;

pub use broker::{Broker, Options};
