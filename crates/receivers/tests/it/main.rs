//! Receivers that are real or nearly so: each speaks its protocol on a socket of this machine.
//!
//! | file | covers |
//! | --- | --- |
//! | `server.rs` | an HTTP server that keeps what it hears and answers what a test says, or hangs |
//! | `given.rs` | messages, good and hostile |
//! | `robots.rs` | signatures, errors inside of a 200, limits |
//! | `webhooks.rs` | signature, template, statuses, redirects, one that hangs, proxy, CA, addresses that are refused |
//! | `alertmanager.rs` | a real Alertmanager: groups, silences, killed and started again |
//! | `mail.rs` | a mail as another program reads it, encryption, login, recipients that are gone |
//! | `lines.rs` | syslog over UDP and TCP, local commands |
//! | `shape.rs` | every kind's limit and escapes on any text; faults of configurations |

#![expect(unreachable_pub, reason = "helpers of one test binary")]

mod alertmanager;
mod given;
mod lines;
mod mail;
mod robots;
mod server;
mod shape;
mod webhooks;
