//! Real processes around a real Apache Kafka: ingest, broker, pipeline, ClickHouse.
//!
//! | file | covers |
//! | --- | --- |
//! | `harness.rs` | starts and stops the processes |
//! | `load.rs` | senders that go on, and their self-describing logs |
//! | `truth.rs` | what the store must hold, known from what was sent |
//! | `alerts.rs` | two evaluators, one of which is killed, Kafka and the store away: what a real Alertmanager hears |
//! | `alike.rs` | three senders, two intakes, two pipelines, and what they must answer; `make corpus` does the same with real logs |
//! | `agent.rs` | the agent as a process, and its machine's logs |
//! | `agents.rs` | agents that stay: how soon an append is on a page, and that deaths, outages and a revoked token change no answer |
//! | `answers.rs` | the same with a made-up fleet |
//! | `faults.rs` | processes die and sleep, Kafka and ClickHouse are away, traffic is lost, moved and repeated |
//! | `foreign.rs` | topics in which shippers write one event a message |
//! | `tokens.rs` | every kind of token on every route, revocation, a start while the store is away |
//! | `enrolment.rs` | a fleet enrols through two intakes while the store is killed; `ENROLMENTS=10000` for the size of a large site |
//! | `gaps.rs` | what agents say to be lost is on the pages once, whatever comes again |
//! | `kcat.rs` | a Kafka client that is not ours shows readable log text |
//! | `dead_letters.rs` | what a pipeline cannot process, and its way back through Kafka; rules and plans in the cluster's store |
//! | `merge.rs` | two ids become one while both send and the merge is killed; a rewind brings the old one again |
//! | `migrators.rs` | several `cbsift migrate` at once, and one that is cut off |
//! | `owners.rs` | each endpoint is derived by one of two pipelines, and by the other once that is killed |
//! | `quarantine.rs` | a chunk that ends the process again and again is kept, and what stands behind it flows |
//! | `metrics.rs` | a real Prometheus scrapes every role |
//! | `ready.rs` | `/readyz` of a pipeline names what keeps it from storing anything |
//! | `logs.rs` | with `log.format = "json"` each line of every role is an object |
//! | `recorder.rs` | keeps what a pipeline sends to the store |
//! | `rewind.rs` | `pipeline --rewind` reads everything again and changes nothing; `--rewind-to` brings back what a restored store lacks |
//! | `same_bytes.rs` | the same chunks make the same rows, byte by byte, in any process, language and order |

#![expect(unreachable_pub, reason = "helpers of one test binary")]

mod agent;
mod agents;
mod alerts;
mod alike;
mod answers;
mod dead_letters;
mod enrolment;
mod faults;
#[path = "../it/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod fixtures;
mod foreign;
mod gaps;
mod harness;
mod kcat;
mod load;
mod logs;
mod merge;
mod metrics;
mod migrators;
mod owners;
mod quarantine;
mod ready;
mod recorder;
mod rewind;
mod same_bytes;
#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod single;
mod tokens;
mod truth;
