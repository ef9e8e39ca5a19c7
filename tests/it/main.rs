//! The real binary on the real engine, in a real browser.
//!
//! | file | covers |
//! | --- | --- |
//! | `harness.rs` | starts `up` on free ports with a folder of its own, and asks it |
//! | `alerts.rs` | a failing update is told once to a webhook, whatever is restarted; the workshop of alert rules |
//! | `backfill.rs` | an archive of a fleet is taken in through kill -9, once |
//! | `commands.rs` | arguments, errors with a way out, exit codes |
//! | `scan.rs` | the report on made-up logs, its JSON against the schema, planted truth against what is found |
//! | `report.rs` | the forms of the report, what narrows it, and what it says is missing |
//! | `hostile.rs` | good requests are answered beside slow, silent and many others |
//! | `one_machine.rs` | sent logs answer like scanned ones: again, cut otherwise, as growing copies, after kill -9 |
//! | `engine_process.rs` | the engine's process crashes, is told to stop by others, outlives nobody; nothing is lost |
//! | `rule_sets.rs` | rules published to the store, dead letters and their way back |
//! | `reprocess.rs` | new rules over what is stored: a job that is killed, its diff, its undo |
//! | `damage.rs` | parts of the store that cannot be read are said, and what `doctor` makes of them |
//! | `disk.rs` | the bound on the disk and a full file system, on a small one of its own; needs root |
//! | `strangers.rs` | a ClickHouse client from elsewhere; no answer without the token |
//! | `browser.rs` | the pages show what was sent |
//! | `dist.rs` | the archives of a release: their names, what they hold, the same bytes twice |
//! | `endpoints.rs` | names and labels of endpoints by command and on the pages, and the audit of it |
//! | `cluster.rs` | docker/: secrets, users, addresses, images |
//! | `grafana.rs` | the SQL of every panel and alert on the engine |
//! | `prometheus.rs` | alert rules, and a real Prometheus that scrapes |
//! | `rights.rs` | what the store's users may do, on the engine |
//! | `tls.rs` | certificates that are refused, and logs in and pages out over TLS |
//! | `prometheus_process.rs` | that Prometheus, shared with the tests of a cluster |
//! | `service.rs` | starts and stops any process that a test needs |
//! | `tidy.rs` | crates, arrows and documents agree |

#![expect(unreachable_pub, reason = "helpers of one test binary")]

mod alerts;
mod backfill;
mod browser;
mod cluster;
mod commands;
mod damage;
mod disk;
mod dist;
mod endpoints;
mod engine_process;
mod fixtures;
mod grafana;
mod harness;
mod hostile;
mod one_machine;
mod prometheus;
mod prometheus_process;
mod report;
mod reprocess;
mod rights;
mod rule_sets;
mod scan;
mod service;
mod strangers;
mod tidy;
mod tls;

// As files that are shared with the tests of a cluster call the harness of one machine.
use harness as single;
