#![doc = include_str!("../README.md")]

mod targets;

pub use targets::{TARGETS, Target, target};
