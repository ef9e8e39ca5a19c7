//! Real processes around a real Apache Kafka: ingest, broker, pipeline, ClickHouse.
//!
//! | file | covers |
//! | --- | --- |
//! | `harness.rs` | starts and stops the processes |
//! | `answers.rs` | through Kafka the answers are those of one machine |

#![expect(unreachable_pub, reason = "helpers of one test binary")]

mod answers;
#[path = "../it/fixtures.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod fixtures;
mod harness;
#[path = "../it/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod single;
