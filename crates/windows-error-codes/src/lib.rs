#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

mod code;
mod decode;
mod equivalents;
mod setup;
mod table;

pub use code::{Code, Facility, Severity, Space};
pub use decode::{Form, Reading, Readings, decode};
pub use equivalents::{Equivalents, ntstatus_to_win32, win32_to_ntstatus};
pub use setup::Extend;
pub use table::{Names, lookup, lookup_all, meaning, names, spaces};
