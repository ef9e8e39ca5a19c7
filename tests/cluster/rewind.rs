//! `cbsift pipeline --rewind`: what Kafka still holds is read once more, and changes nothing. `--rewind-to` brings back what a
//! restored store lacks.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::{Cluster, Role};
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
    let mut again = cluster.pipeline_told("again", &["--rewind"]);
    cluster.settle(&[&again]);
    assert_eq!(read, self::read(&again), "every record once more");
    assert_eq!(cluster.answers(&plan.id), before);

    again.stop();
    // Nothing is as new as that.
    let mut later = cluster.pipeline_told("later", &["--rewind-to", "2100-01-01T00:00:00Z"]);
    cluster.settle(&[&later]);
    assert_eq!(self::read(&later), 0.0);
    assert_eq!(cluster.answers(&plan.id), before);
    later.stop();
    restored_to_an_earlier_day(cluster, &intake);
}

/// The store is set back to a copy. What it lacks stands below what the group has committed, and so comes only by a rewind.
fn restored_to_an_earlier_day(mut cluster: Cluster, intake: &Role) {
    let time = cluster.back_up();
    let plan = one_of_each(&Fleet::new(11, 200)).remove(1);
    let folder = tempfile::tempdir().unwrap();
    write_endpoint(&plan, folder.path());
    let expected = Answers::of_scan(&scan(&[folder.path()], &plan.id));
    assert!(!expected.findings.is_empty());
    cluster.send(&[intake], &plan.id, &files(folder.path()), &[]);
    let mut before = cluster.pipeline("before the restore");
    cluster.stored(&plan.id, expected.covered_bytes);
    cluster.settle(&[&before]);
    let sent_since = read(&before);
    before.stop();

    cluster.restore();
    let mut without = cluster.pipeline("without a rewind");
    cluster.settle(&[&without]);
    assert_eq!(read(&without), 0.0);
    assert_eq!(cluster.answers(&plan.id).covered_bytes, 0);
    without.stop();

    let rewound = cluster.pipeline_told("rewound", &["--rewind-to", &time]);
    cluster.stored(&plan.id, expected.covered_bytes);
    cluster.settle(&[&rewound]);
    assert_eq!(read(&rewound), sent_since, "what came since, and no more");
    assert_eq!(cluster.answers(&plan.id), expected);
}

fn read(role: &Role) -> f64 {
    role.metrics()["cbsift_pipeline_read_total"]
}
