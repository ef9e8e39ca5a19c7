#![doc = include_str!("../README.md")]
// Names and bytes of strangers: nothing here may end the process that reads them.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

mod body;
mod cabinet;
mod checkpoint;
mod copies;
mod disk;
mod event_log;
mod home;
mod log;
mod next;
mod place;
mod points;
mod print;
mod settle;
mod zeros;

pub use body::Body;
pub use checkpoint::{CheckpointError, Checkpoints, Loaded};
pub use event::GapReason;
pub use log::{Container, Gap, Log};
pub use place::{Place, PlaceOptions, Problem};
pub use points::{Points, Stopped};
pub use print::{FileKey, Print};
