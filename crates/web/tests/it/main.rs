//! The API over the real engine: a made-up log is classified, stored and derived, then asked for as pages do.
//!
//! - `harness`: the engine, a log, and a plain HTTP client
//! - `answers`: what pages are told
//! - `changes`: jobs and changes of rules, of which time logs are held, and a log as a file
//! - `contract`: every answer against what the API says of itself
//! - `files`: lists as files, and who took them
//! - `finding`: places in a log by text, level and time
//! - `simulated`: a fleet of the simulator, judged by its logs alone
//! - `lists`: causes, updates, search and the other pages of the fleet
//! - `machines`: verdict, updates and attempts of one machine
//! - `site_rules`: findings of a site's own rules have their titles
//! - `protocol`: names, headers, caching, errors, methods
//! - `roles`: who may see which address, and who looked at text of logs

mod alerts;
mod answers;
mod changes;
mod contract;
mod files;
mod finding;
mod harness;
mod lists;
mod machines;
mod protocol;
mod roles;
mod simulated;
mod site_rules;
