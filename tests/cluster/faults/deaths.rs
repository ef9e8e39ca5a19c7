//! Processes of ours that are killed or frozen at a place that is known.

use super::{INSERT, World, insert_into};
use crate::harness::{Role, until};
use crate::single::get;
use kafka_harness::{Faults, Replies};

/// A pipeline that committed what it has not stored would have done so long before it is killed.
const COMMITS_SOON: (&str, &str) = ("QUEUE__COMMIT_INTERVAL", "100ms");

/// Waits until a pipeline has held records for ten times as long.
fn holds_records(pipeline: &Role) {
    until("records stay in flight", || {
        let age = pipeline.metric("cbsift_pipeline_oldest_unacknowledged_seconds");
        (age > 1.0).then_some(())
    });
}

pub(super) fn ingest_is_killed(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("ingest-killed");
    for which in [0, 1, 0] {
        world.restart_ingest(which);
        world.last(&load);
    }
    world.settle(load, &mut pipelines);
}

pub(super) fn pipeline_is_killed_before_an_insert(world: &mut World) {
    let before = world.cluster.committed();
    let victim = world.proxied_pipeline("victim", &[COMMITS_SOON]);
    let held = world.proxy.held();
    world.inject(Faults {
        hold: Some(INSERT.to_owned()),
        ..Faults::default()
    });
    let load = world.load("before-insert");
    world.held_since(held);
    holds_records(&victim);
    for table in ["events", "chunks"] {
        assert_eq!(world.rows(table, "before-insert"), 0, "{table}");
    }
    assert_eq!(world.cluster.committed(), before, "nothing is stored");
    heir_of(world, victim, load);
}

pub(super) fn pipeline_is_killed_in_a_body(world: &mut World) {
    let before = world.cluster.committed();
    let victim = world.proxied_pipeline("victim", &[COMMITS_SOON]);
    let resets = world.proxy.resets();
    world.inject(Faults {
        cut_in: Some(insert_into("chunks")),
        ..Faults::default()
    });
    let load = world.load("mid-body");
    until("a body is cut", || {
        (world.proxy.resets() > resets).then_some(())
    });
    holds_records(&victim);
    // Half a body is nothing: what went before it is there, and of the chunks none.
    assert!(world.rows("events", "mid-body") > 0);
    assert_eq!(world.rows("chunks", "mid-body"), 0);
    assert_eq!(world.cluster.committed(), before, "no chunk is whole");
    heir_of(world, victim, load);
}

pub(super) fn pipeline_is_killed_before_a_reply(world: &mut World) {
    let victim = world.proxied_pipeline("victim", &[COMMITS_SOON]);
    // A first insert asks for its table's columns before; it would wait for that answer.
    let first = world.load("first").finish();
    world.settle_on(&first, std::slice::from_ref(&victim));
    world.sent.extend(first);
    world.inject(Faults {
        replies: Replies::Hold,
        ..Faults::default()
    });
    let load = world.load("before-reply");
    until("an insert is done and nobody knows", || {
        (world.rows("events", "before-reply") > 0).then_some(())
    });
    holds_records(&victim);
    assert_eq!(world.rows("chunks", "before-reply"), 0);
    // Health and metrics answer all the same, and say what is wrong.
    let (status, body) = get(&format!("{}/readyz", victim.address("health")));
    assert!(
        status == 503 && body.contains("the store is not ready: no answer"),
        "{body}"
    );
    heir_of(world, victim, load);
}

pub(super) fn pipeline_is_killed_before_a_commit(world: &mut World) {
    let before = world.cluster.committed();
    // It commits so rarely that it dies before. How it works on a partition it says at once, and with the offset that was there.
    let victim = world.proxied_pipeline("victim", &[("QUEUE__COMMIT_INTERVAL", "60s")]);
    let load = world.load("before-commit");
    until("chunks are stored", || {
        (world.rows("coverage", "before-commit") > 0).then_some(())
    });
    assert_eq!(world.cluster.committed(), before, "no progress");
    heir_of(world, victim, load);
}

/// A power cut: whatever was acknowledged until then is on disk, in Kafka or in the store.
pub(super) fn everything_is_killed(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("power-cut");
    for pipeline in &mut pipelines {
        pipeline.kill();
    }
    // Acknowledged from here on means in Kafka, and nowhere else.
    world.last(&load);
    for intake in &mut world.intakes {
        intake.kill();
    }
    world.cluster.broker.kill();
    world.cluster.engine.kill();
    world.cluster.broker.restart();
    world.cluster.restart_engine();
    for which in [0, 1] {
        world.restart_ingest(which);
    }
    let mut pipelines = world.two_pipelines();
    world.settle(load, &mut pipelines);
}

/// Kills a pipeline under load, and has another one take over.
fn heir_of(world: &mut World, mut victim: Role, load: crate::load::Load) {
    victim.kill();
    world.mend();
    let heir = world.lone_pipeline("heir");
    world.last(&load);
    world.settle(load, &mut [heir]);
}

/// Frozen while it sends the body of an insert; another one takes its partitions over; then it goes on.
pub(super) fn pipeline_sleeps_longer_than_its_session(world: &mut World) {
    let sleeper = world.proxied_pipeline("sleeper", &[COMMITS_SOON]);
    let held = world.proxy.held();
    world.inject(Faults {
        hold: Some(insert_into("chunks")),
        ..Faults::default()
    });
    let load = world.load("zombie");
    world.held_since(held);
    holds_records(&sleeper);
    sleeper.freeze();
    let heir = world.lone_pipeline("heir");
    world.last(&load);
    // What is acknowledged is in Kafka; the heir stores it in its own time.
    until("the heir does the sleeper's work", || {
        (world.rows("chunks", "zombie") > 0).then_some(())
    });
    world.mend();
    sleeper.thaw();
    world.cluster.owned_by(&[&sleeper, &heir]);
    world.last(&load);
    world.settle(load, &mut [sleeper, heir]);
}
