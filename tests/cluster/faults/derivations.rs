//! Two pipelines that derive the same, one of them asleep between its read and its write.

use super::{INSERT, World, insert_into};
use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::until;
use crate::single::{Answers, repository, scan};
use crate::truth::{Renamed, check_books, expected};
use kafka_harness::Faults;
use simulate::Fleet;

/// One has read the first half and sleeps before it writes what it derived; the other one derives from all. The end is that of
/// a single process.
pub(super) fn two_derive_one_endpoint_from_halves(world: &mut World) {
    let (endpoint, folder) = one_of_each(&Fleet::new(12, 200))
        .iter()
        .find_map(|plan| {
            let folder = tempfile::tempdir().unwrap();
            write_endpoint(plan, folder.path());
            let found = Answers::of_scan(&scan(&[folder.path()], &plan.id));
            let is_rich = found.findings.len() > 1 && files(folder.path()).len() > 1;
            is_rich.then(|| (plan.id.clone(), folder))
        })
        .expect("an endpoint has several files and findings");
    let all = files(folder.path());
    let (first, second) = all.split_at(all.len() / 2);
    let intakes: Vec<_> = world.intakes.iter().collect();
    let send = |files| {
        world
            .cluster
            .send(&intakes, &endpoint, files, &["--chunk-kib", "16"])
    };

    let mut sleeper = world.proxied_pipeline("sleeper", &[]);
    let held = world.proxy.held();
    // The first of what a derivation writes.
    world.inject(Faults {
        hold: Some(insert_into("day_parts")),
        ..Faults::default()
    });
    send(first);
    world.held_since(held);
    sleeper.freeze();
    let mut other = world.lone_pipeline("other");
    send(second);
    // Its own news, and what the sleeper left open.
    world.cluster.settle(&[&other]);
    let expected = expected(&endpoint, folder.path(), world.renamed.as_ref());
    until("the other one's answers are whole", || {
        (world.cluster.answers(&endpoint) == expected).then_some(())
    });

    world.mend();
    sleeper.thaw();
    until("the sleeper has written what it had derived", || {
        (sleeper.metric("cbsift_pipeline_derivations_total") > 0.0).then_some(())
    });
    world.cluster.owned_by(&[&sleeper, &other]);
    world.cluster.settle(&[&sleeper, &other]);
    assert_eq!(world.cluster.answers(&endpoint), expected);
    for pipeline in [&mut sleeper, &mut other] {
        check_books(pipeline);
        pipeline.stop();
    }
}

/// One has classified by the rules of before and sleeps before its insert; rules are published, and the other one takes over.
/// The end is that of the new rules alone.
pub(super) fn one_sleeps_across_a_publication(world: &mut World) {
    let sleeper = world.proxied_pipeline("sleeper", &[]);
    let held = world.proxy.held();
    world.inject(Faults {
        hold: Some(INSERT.to_owned()),
        ..Faults::default()
    });
    let load = world.load("publication");
    world.held_since(held);
    sleeper.freeze();
    publish_renamed(world);
    let other = world.lone_pipeline("other");
    world.last(&load);
    world.mend();
    sleeper.thaw();
    until("the sleeper has stored what it had classified", || {
        (sleeper.metric("cbsift_pipeline_chunks_total") > 0.0).then_some(())
    });
    world.cluster.owned_by(&[&sleeper, &other]);
    world.last(&load);
    world.settle(load, &mut [sleeper, other]);
}

/// The rule of the made-up lines under another name.
fn publish_renamed(world: &mut World) {
    const RULE: &str = "store_corrupt_code";
    let renamed = Renamed {
        from: RULE.to_owned(),
        to: format!("{RULE}_of_site"),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut found = 0;
    for path in files(&repository().join("config/rules")) {
        let rules = std::fs::read_to_string(&path).unwrap();
        let from = format!("- id: {}\n", renamed.from);
        found += rules.matches(&from).count();
        let rules = rules.replace(&from, &format!("- id: {}\n", renamed.to));
        std::fs::write(folder.path().join(path.file_name().unwrap()), rules).unwrap();
    }
    assert_eq!(found, 1, "one rule is renamed");
    let rules = folder.path().to_str().unwrap();
    world.cluster.run(&["rules", "publish", "--rules", rules]);
    world.renamed = Some(renamed);
}
