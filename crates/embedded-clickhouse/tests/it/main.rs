//! The engine through its HTTP interface, as clients meet it.
//!
//! - `rust_client`: the official crate: types, parameters, inserter, compression, errors
//! - `http`: what a client library hides: cut bodies, sessions, methods, tokens
//! - `limits`: what must be refused: files, several statements
//! - `processes`: kill -9, an orderly end, a missing library, the path socket, the walls around the process
//! - `readers`: what a reader's token may ask, with all clients, and every way out in many spellings
//! - `python_client`: clickhouse-connect

mod harness;
mod http;
mod limits;
mod processes;
mod python_client;
mod readers;
mod rust_client;
