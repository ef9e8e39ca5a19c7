//! Through Kafka the answers are those of one machine.

use crate::alike::{Sent, through_kafka};
use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::single::{Answers, scan};
use simulate::Fleet;

#[test]
fn three_senders_two_intakes_two_pipelines_answer_like_one_machine() {
    let folder = tempfile::tempdir().unwrap();
    let endpoints: Vec<_> = one_of_each(&Fleet::new(11, 200))
        .iter()
        .map(|plan| {
            let logs = folder.path().join(&plan.id);
            std::fs::create_dir(&logs).unwrap();
            write_endpoint(plan, &logs);
            let answers = Answers::of_scan(&scan(&[&logs], &plan.id));
            assert!(!answers.findings.is_empty(), "the fixture says something");
            Sent {
                endpoint: plan.id.clone(),
                files: files(&logs),
                answers,
            }
        })
        .collect();
    through_kafka(&endpoints, &["--chunk-kib", "16"]);
}
