//! Workers that come and go, partitions that are added, records that are no chunks, and everything once more.

use super::World;
use crate::harness::{Role, until};
use crate::single::block_on;
use crate::truth::{check, check_books};
use queue::Rewind;
use queue::record::{Content, Header};
use std::time::{Duration, Instant};

/// How often a worker joins or leaves: far shorter than a session.
const EVERY: Duration = Duration::from_secs(2);

pub(super) fn workers_come_and_go(world: &mut World) {
    let resident = world.lone_pipeline("resident");
    let load = world.load("coming-and-going");
    let end = Instant::now() + world.long(Duration::from_secs(10));
    let mut round = 0;
    while Instant::now() < end {
        let mut guest = world.cluster.pipeline("guest");
        std::thread::sleep(EVERY);
        // Mostly as on a good day. A guest that is killed is missed for the whole of its session: in a short run once.
        if round % 3 == 1 {
            guest.kill();
        } else {
            guest.stop();
        }
        round += 1;
        // Whatever the group is busy with, records keep coming in.
        load.more(1);
    }
    world.settle(load, &mut [resident]);
}

pub(super) fn partitions_are_added(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("more-partitions");
    world.cluster.add_partitions(16);
    world.cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
    world.last(&load);
    world.settle(load, &mut pipelines);
}

pub(super) fn poison_is_put_aside(world: &mut World) {
    let pipeline = world.lone_pipeline("pipeline");
    let letters = |world: &World| -> u64 {
        let count = world.cluster.sql("SELECT count() FROM dead_letters FINAL");
        count.trim().parse().unwrap()
    };
    let before = letters(world);
    let load = world.load("poison");
    let poison = Content {
        key: Some(b"default/poison-0".to_vec()),
        headers: vec![Header {
            name: "made-up".to_owned(),
            value: Some(b"no header of ours".to_vec()),
        }],
        value: Some(b"made up: no chunk".to_vec()),
    };
    let producer = queue::Producer::new(&world.cluster.queue()).unwrap();
    block_on(producer.send_again(vec![poison])).unwrap();
    world.last(&load);
    until("the poison is kept", || {
        (letters(world) > before).then_some(())
    });
    assert_eq!(pipeline.metric("cbsift_pipeline_dead_letters_total"), 1.0);
    world.settle(load, &mut [pipeline]);
    assert_eq!(letters(world), before + 1);
    let kept = world.cluster.sql(
        "SELECT payload, stage, state FROM dead_letters FINAL ORDER BY first_seen DESC LIMIT 1",
    );
    assert_eq!(kept.trim(), "made up: no chunk\tdecode\topen");
}

/// Every record since the start, by the rule set of now.
pub(super) fn everything_is_read_again(world: &mut World) {
    if world.sent.is_empty() {
        // The first fault of an order of chance.
        let mut pipelines = world.two_pipelines();
        let load = world.load("replay");
        world.settle(load, &mut pipelines);
    }
    let letters = world
        .cluster
        .sql("SELECT id FROM dead_letters FINAL ORDER BY id");
    read_again(world);
    let again = world
        .cluster
        .sql("SELECT id FROM dead_letters FINAL ORDER BY id");
    assert_eq!(
        again, letters,
        "what died once dies again, as the same letter"
    );
}

/// The store is set back to a copy of an earlier day; what came since is in Kafka still, and is read again from that day on.
pub(super) fn an_old_store_is_restored(world: &mut World) {
    let mut pipelines = world.two_pipelines();
    let load = world.load("in-the-copy");
    world.settle(load, &mut pipelines);
    let time = world.cluster.back_up();
    let mut pipelines = world.two_pipelines();
    let load = world.load("after-the-copy");
    world.last(&load);
    world.settle(load, &mut pipelines);
    world.cluster.restore();
    for table in ["events", "chunks"] {
        assert_eq!(world.rows(table, "after-the-copy"), 0, "{table}");
    }
    let arguments = ["--rewind-to", &time];
    let reader = world.cluster.pipeline_told("reader", &arguments);
    world.settle_on(&world.sent, std::slice::from_ref(&reader));
    check_all(world, reader);
}

/// Reads every record that the topic holds once more, and checks all that was ever sent.
fn read_again(world: &World) {
    let config = world.cluster.queue();
    // Killed members of the group are forgotten after their session.
    let rewound = until("the group is empty and can be rewound", || {
        block_on(queue::rewind(&config, &[&config.chunks_topic], Rewind::All)).ok()
    });
    let records: i64 = rewound
        .iter()
        .map(|partition| partition.from.unwrap_or(partition.to) - partition.to)
        .sum();
    assert!(records > 0, "{rewound:?}");
    let pipeline = world.lone_pipeline("reader");
    until("everything is read again", || {
        (pipeline.metric("cbsift_pipeline_read_total") >= records as f64).then_some(())
    });
    world.cluster.settle(&[&pipeline]);
    check_all(world, pipeline);
}

/// Checks all that was ever sent, and ends the pipeline that has read it again.
fn check_all(world: &World, mut pipeline: Role) {
    for endpoint in &world.sent {
        check(&world.cluster, endpoint, world.renamed.as_ref());
    }
    check_books(&pipeline);
    pipeline.stop();
}
