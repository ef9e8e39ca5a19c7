//! The intake over real sockets, against a sink in memory.
//!
//! - `gaps.rs`: what senders say to be lost.
//! - `hostile.rs`: slow bodies, silent connections, doubled headers.
//! - `http.rs`: statuses, limits and headers of the intake, byte by byte.
//! - `imports.rs`: which files count as imported.
//! - `readers.rs`: who may see the pages.
//! - `support.rs`: the sink, the server and a raw client; the tests of the crate `send` use them too.

mod gaps;
mod hostile;
mod http;
mod imports;
#[path = "../../../files/tests/it/logs.rs"]
#[expect(dead_code, reason = "shared with the tests of files")]
mod logs;
mod readers;
mod support;
