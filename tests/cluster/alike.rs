//! A fleet's logs sent through Kafka answer as they do on one machine.

use crate::harness::Cluster;
use crate::single::Answers;
use std::path::PathBuf;

/// Logs of an endpoint, and what `scan` says of them.
pub struct Sent {
    pub endpoint: String,
    pub files: Vec<PathBuf>,
    pub answers: Answers,
}

/// Three senders, each alternating between two intakes, 12 partitions, two pipelines.
pub fn through_kafka(endpoints: &[Sent], arguments: &[&str]) {
    let cluster = Cluster::start();
    let intakes = [cluster.ingest("ingest 1"), cluster.ingest("ingest 2")];
    let pipelines = [
        cluster.pipeline("pipeline 1"),
        cluster.pipeline("pipeline 2"),
    ];
    cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
    let intakes: Vec<_> = intakes.iter().collect();
    std::thread::scope(|scope| {
        for sender in 0..3 {
            let (cluster, intakes) = (&cluster, &intakes);
            scope.spawn(move || {
                for sent in endpoints.iter().skip(sender).step_by(3) {
                    cluster.send(intakes, &sent.endpoint, &sent.files, arguments);
                }
            });
        }
    });
    for sent in endpoints {
        cluster.stored(&sent.endpoint, sent.answers.covered_bytes);
    }
    cluster.settle(&[&pipelines[0], &pipelines[1]]);
    for sent in endpoints {
        let answers = cluster.answers(&sent.endpoint);
        assert_eq!(answers, sent.answers, "{}", sent.endpoint);
    }
    for pipeline in &pipelines {
        let books = pipeline.metrics();
        assert_eq!(
            books["cbsift_pipeline_read_total"], books["cbsift_pipeline_chunks_total"],
            "read and stored of {books:#?}"
        );
        assert!(books["cbsift_pipeline_read_total"] > 0.0, "both had work");
    }
}
