//! The engine through its HTTP interface, as clients meet it. One binary, because a process has
//! one engine.
//!
//! - `rust_client`: the official crate: types, parameters, inserter, compression, errors
//! - `http`: what a client library hides: cut bodies, sessions, methods, tokens, shutdown
//! - `limits`: what must be refused: files, several statements, foreign addresses
//! - `processes`: kill -9, a second process on one folder, a missing library
//! - `python_client`: clickhouse-connect

mod harness;
mod http;
mod limits;
mod processes;
mod python_client;
mod rust_client;
