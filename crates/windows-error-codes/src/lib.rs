#![doc = include_str!("../README.md")]
#![no_std]
// Texts of strangers: whatever they hold, reading them never panics.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

#[cfg(test)]
extern crate std;

mod code;
mod decode;
mod equivalents;
mod setup;
#[expect(
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "every number is an entry of the generated tables, or a hash below their size; tests walk all of them"
)]
mod table;

pub use code::{Code, Facility, Severity, Space};
pub use decode::{Form, Reading, Readings, decode};
pub use equivalents::{Equivalents, ntstatus_to_win32, win32_to_ntstatus};
pub use setup::Extend;
pub use table::{Names, lookup, lookup_all, meaning, names, spaces};
