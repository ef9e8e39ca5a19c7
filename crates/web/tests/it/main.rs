//! The API over the real engine: a made-up log is classified, stored and derived, then asked for as pages do.
//!
//! - `harness`: the engine, a log, and a plain HTTP client
//! - `answers`: what pages are told
//! - `protocol`: names, headers, caching, errors, methods

mod answers;
mod harness;
mod protocol;
