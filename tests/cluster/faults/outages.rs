//! Kafka and ClickHouse that are away, or whose answers are lost.

use super::World;
use crate::harness::until;
use crate::single::get;
use kafka_harness::{Faults, Replies};

pub(super) fn kafka_is_killed(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("kafka-killed");
    world.cluster.broker.kill();
    until("the intakes say that Kafka is away", || {
        let (status, body) = get(&format!("{}/readyz", world.intakes[0].address("health")));
        (status == 503 && body.contains("Kafka")).then_some(())
    });
    world.cluster.broker.restart();
    world.last(&load);
    world.settle(load, &mut pipelines);
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
