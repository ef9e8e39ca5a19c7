//! The intake and its client over real sockets, against a sink in memory.
//!
//! - `archives.rs`: logs inside zip archives and cabinets.
//! - `files.rs`: what is found under paths, and how files are streamed.
//! - `hostile.rs`: slow bodies, silent connections, doubled headers.
//! - `http.rs`: statuses, limits and headers of the intake, byte by byte.
//! - `imports.rs`: which files count as imported.
//! - `lzx.rs`: cabinets that no crate writes.
//! - `send.rs`: files sent whole, through faults.
//! - `support.rs`: made-up logs, the sink, the server, a breakable proxy.
//! - `tls.rs`: who trusts whom, and who may read.

mod archives;
mod files;
mod hostile;
mod http;
mod imports;
mod lzx;
mod send;
mod support;
mod tls;
