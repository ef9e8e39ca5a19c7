#![doc = include_str!("../README.md")]

mod broker;

mod proxy;

pub use broker::{Broker, Options};
pub use proxy::{Faults, Proxy, Replies};
