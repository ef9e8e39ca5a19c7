//! Real processes around a real Apache Kafka: ingest, broker, pipeline, ClickHouse.
//!
//! | file | covers |
//! | --- | --- |
//! | `harness.rs` | starts and stops the processes |
//! | `load.rs` | senders that go on, and their self-describing logs |
//! | `truth.rs` | what the store must hold, known from what was sent |
//! | `answers.rs` | through Kafka the answers are those of one machine |
//! | `faults.rs` | processes die and sleep, Kafka and ClickHouse are away, traffic is lost, moved and repeated |
//! | `kcat.rs` | a Kafka client that is not ours shows readable log text |
//! | `rewind.rs` | `pipeline --rewind` reads everything again and changes nothing |

#![expect(unreachable_pub, reason = "helpers of one test binary")]

mod answers;
mod faults;
#[path = "../it/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod fixtures;
mod harness;
mod kcat;
mod load;
mod rewind;
#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod single;
mod truth;
