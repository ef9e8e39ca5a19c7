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

mod archive;
mod chunks;
mod facts;
mod find;
mod look;

pub use archive::{CabinetCheck, Member, check_cabinet};
pub use chunks::{Cut, FileChunks};
pub use facts::FactsFile;
pub use find::{FileError, Found, LogFile, LogReader, SkippedFile, find, skip_reasons};
pub use look::{Look, Sighting};
