#![doc = include_str!("../README.md")]

// In the order in which a chunk meets them.
pub mod record;

mod producer;

mod consumer;

mod share;

pub mod topics;

mod lag;
mod rewind;

mod config;
mod log;

pub use config::{Compression, Config, ConfigError, GroupProtocol, RawConfig, Sasl, Tls};
pub use consumer::{
    Consumer, ConsumerError, ConsumerStatus, Delivery, Gap, PartitionStatus, Receipt, Record,
};
pub use lag::{Lag, lag};
pub use producer::{Producer, ProducerStatus, SendError};
pub use rewind::{Rewind, RewindError, Rewound, rewind};
pub use share::Share;
