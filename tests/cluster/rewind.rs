//! `cbsift pipeline --rewind`: what Kafka still holds is read once more, and changes nothing.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::Cluster;
use crate::single::{Answers, scan, text};
use simulate::Fleet;

#[test]
fn a_rewind_reads_everything_again_and_changes_no_answer() {
    let cluster = Cluster::start();
    let intake = cluster.ingest("ingest");
    let mut first = cluster.pipeline("pipeline before");
    let plan = one_of_each(&Fleet::new(11, 200)).remove(0);
    let folder = tempfile::tempdir().unwrap();
    write_endpoint(&plan, folder.path());
    cluster.send(&[&intake], &plan.id, &files(folder.path()), &[]);
    let expected = Answers::of_scan(&scan(&[folder.path()], &plan.id));
    cluster.stored(&plan.id, expected.covered_bytes);
    cluster.settle(&[&first]);
    let (before, read) = (cluster.answers(&plan.id), read(&first));
    assert!(read > 0.0 && !before.findings.is_empty());

    // Its offsets are the group's, and the group has a member.
    let refused = cluster
        .command("pipeline")
        .arg("--rewind")
        .output()
        .unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("has members") && said.contains("hint:"),
        "{said}"
    );

    first.stop();
    let mut again = pipeline(&cluster, &["--rewind"]);
    cluster.settle(&[&again]);
    assert_eq!(read, self::read(&again), "every record once more");
    assert_eq!(cluster.answers(&plan.id), before);

    again.stop();
    // Nothing is as new as that.
    let later = pipeline(&cluster, &["--rewind-to", "2100-01-01T00:00:00Z"]);
    cluster.settle(&[&later]);
    assert_eq!(self::read(&later), 0.0);
    assert_eq!(cluster.answers(&plan.id), before);
}

fn pipeline(cluster: &Cluster, arguments: &[&str]) -> crate::harness::Role {
    let mut command = cluster.command("pipeline");
    command.args(arguments);
    crate::harness::Role::start("pipeline again", command, &["health"])
}

fn read(role: &crate::harness::Role) -> f64 {
    role.metrics()["cbsift_pipeline_read_total"]
}
