//! The API over the real engine: a made-up log is classified, stored and derived, then asked for as pages do.
//!
//! - `harness`: the engine, a log, and a plain HTTP client
//! - `answers`: what pages are told
//! - `site_rules`: findings of a site's own rules have their titles
//! - `protocol`: names, headers, caching, errors, methods

mod alerts;
mod answers;
mod harness;
mod protocol;
mod site_rules;
