//! Kafka and ClickHouse that are away, or whose answers are lost.

use super::World;
use crate::harness::{Role, until};
use crate::load::Endpoint;
use crate::single::get;
use kafka_harness::{Faults, Replies};
use std::collections::BTreeMap;

/// The intakes live through it, so their books tell all of it, and agree with what the senders know and the topic holds.
pub(super) fn kafka_is_killed(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let before: Vec<_> = world.intakes.iter().map(Role::metrics).collect();
    let ends = records(world);
    let load = world.load("kafka-killed");
    world.cluster.broker.kill();
    until("the intakes say that Kafka is away", || {
        let (status, body) = get(&format!("{}/readyz", world.intakes[0].address("health")));
        (status == 503 && body.contains("Kafka")).then_some(())
    });
    until("a body is refused", || {
        (grown(world, &before, "refused_total") > 0.0).then_some(())
    });
    world.cluster.broker.restart();
    world.last(&load);
    let known = world.sent.len();
    world.settle(load, &mut pipelines);

    let files = world.sent[known..].iter().flat_map(Endpoint::files);
    let sent: usize = files.map(|file| file.len()).sum();
    assert_eq!(
        grown(world, &before, "bytes_total"),
        sent as f64,
        "bytes acknowledged against what the senders hold as acknowledged"
    );
    // What was refused may be in the topic all the same, and what was acknowledged must be.
    let (acknowledged, held) = (grown(world, &before, "chunks_total"), records(world) - ends);
    assert!(
        acknowledged > 0.0 && held as f64 >= acknowledged,
        "{acknowledged} chunks acknowledged, {held} records in the topic"
    );
}

/// By how much a figure of the intakes has grown.
fn grown(world: &World, before: &[BTreeMap<String, f64>], name: &str) -> f64 {
    let name = format!("cbsift_ingest_{name}");
    let of = |metrics: &BTreeMap<String, f64>| metrics.get(&name).copied().unwrap_or_default();
    let now = world.intakes.iter().map(Role::metrics);
    now.zip(before).map(|(now, then)| of(&now) - of(then)).sum()
}

/// Records that the chunks' topic ever took.
fn records(world: &World) -> i64 {
    world.cluster.ends().values().sum()
}

pub(super) fn store_is_killed(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("store-killed");
    for _ in 0..2 {
        world.cluster.engine.kill();
        until("a pipeline says that the store is away", || {
            let (status, body) = get(&format!("{}/readyz", pipelines[0].address("health")));
            (status == 503 && body.contains("store")).then_some(())
        });
        world.cluster.restart_engine();
        world.last(&load);
    }
    world.settle(load, &mut pipelines);
}

pub(super) fn replies_are_dropped(world: &mut World) {
    let pipeline = world.proxied_pipeline("unheard", &[]);
    let load = world.load("replies-dropped");
    for _ in 0..3 {
        let resets = world.proxy.resets();
        world.inject(Faults {
            replies: Replies::Drop,
            ..Faults::default()
        });
        until("replies are dropped", || {
            (world.proxy.resets() > resets + 3).then_some(())
        });
        world.mend();
        world.last(&load);
    }
    world.settle(load, &mut [pipeline]);
}

/// What is sent while the store is away is acknowledged all the same, also by an intake that never saw the store.
pub(super) fn store_is_away_and_an_intake_starts_anew(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("store-away");
    world.cluster.engine.kill();
    world.restart_ingest(0);
    // Files that only the new intake can have taken, and files of the other.
    world.last(&load);
    world.last(&load);
    world.cluster.restart_engine();
    world.settle(load, &mut pipelines);
}
