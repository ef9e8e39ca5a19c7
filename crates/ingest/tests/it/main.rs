//! The intake and its client over real sockets, against a sink in memory.
//!
//! - `files.rs`: what is found under paths, and how files are streamed.
//! - `http.rs`: statuses, limits and headers of the intake, byte by byte.
//! - `send.rs`: files sent whole, through faults.
//! - `support.rs`: made-up logs, the sink, the server, a breakable proxy.

mod files;
mod http;
mod send;
mod support;
