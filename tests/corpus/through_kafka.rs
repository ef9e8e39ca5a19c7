//! The given logs, sent through a real Kafka, answer like scanned ones.

use crate::alike::{Sent, through_kafka};
use crate::single::{Answers, scan};

#[test]
fn what_goes_through_kafka_answers_like_what_is_scanned() {
    let endpoints: Vec<Sent> = crate::endpoints()
        .into_iter()
        .filter_map(|(endpoint, folder)| {
            let answer = scan(&[&folder], &endpoint);
            let inputs = answer["inputs"].as_array().unwrap();
            let is_log = inputs.iter().any(|input| !input["source"].is_null());
            is_log.then(|| Sent {
                files: crate::files(&folder),
                answers: Answers::of_scan(&answer),
                endpoint,
            })
        })
        .collect();
    assert!(endpoints.len() >= 12, "{} endpoints", endpoints.len());
    through_kafka(&endpoints, &[]);
    let bytes: u64 = endpoints
        .iter()
        .map(|sent| sent.answers.covered_bytes)
        .sum();
    println!(
        "through Kafka: {} endpoints, {bytes} bytes covered, answers equal",
        endpoints.len()
    );
}
