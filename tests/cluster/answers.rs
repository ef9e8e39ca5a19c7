//! Through Kafka the answers are those of one machine.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::Cluster;
use crate::single::{Answers, scan};
use simulate::Fleet;

#[test]
fn three_senders_two_intakes_two_pipelines_answer_like_one_machine() {
    let cluster = Cluster::start();
    let intakes = [cluster.ingest("ingest 1"), cluster.ingest("ingest 2")];
    let pipelines = [
        cluster.pipeline("pipeline 1"),
        cluster.pipeline("pipeline 2"),
    ];
    cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
    let endpoints: Vec<_> = one_of_each(&Fleet::new(11, 200))
        .iter()
        .map(|plan| {
            let folder = tempfile::tempdir().unwrap();
            write_endpoint(plan, folder.path());
            (plan.id.clone(), folder)
        })
        .collect();
    let intakes: Vec<_> = intakes.iter().collect();
    std::thread::scope(|scope| {
        for sender in 0..3 {
            let (cluster, intakes, endpoints) = (&cluster, &intakes, &endpoints);
            scope.spawn(move || {
                for (endpoint, folder) in endpoints.iter().skip(sender).step_by(3) {
                    cluster.send(
                        intakes,
                        endpoint,
                        &files(folder.path()),
                        &["--chunk-kib", "16"],
                    );
                }
            });
        }
    });
    let expected: Vec<_> = endpoints
        .iter()
        .map(|(endpoint, folder)| {
            let expected = Answers::of_scan(&scan(&[folder.path()], endpoint));
            cluster.stored(endpoint, expected.covered_bytes);
            (endpoint, expected)
        })
        .collect();
    cluster.settle(&[&pipelines[0], &pipelines[1]]);
    for (endpoint, expected) in expected {
        assert!(!expected.findings.is_empty(), "the fixture says something");
        assert_eq!(cluster.answers(endpoint), expected, "{endpoint}");
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
