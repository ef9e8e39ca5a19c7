//! Logs found and read through the crate's own interface.
//!
//! - `archives.rs`: logs inside zip archives and cabinets.
//! - `find.rs`: what is found under paths, and how files are streamed.
//! - `logs.rs`: made-up logs; the tests of the crates `ingest` and `send` use them too.
//! - `lzx.rs`: cabinets that no crate writes.

mod archives;
mod find;
mod logs;
mod lzx;
