#![doc = include_str!("../README.md")]

mod broker;

mod proxy;

mod zookeeper;

pub use broker::{Broker, Options, free_port};
pub use proxy::{Faults, Proxy, Replies};
pub use zookeeper::Zookeeper;
