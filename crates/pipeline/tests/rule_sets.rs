//! Rule sets that change under running pipelines, in a process of its own: the newest set is the whole store's.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
mod logs;

use classify::{CLASSIFIER_VERSION, Rules};
use harness::{TENANT, quick, settle, store};
use logs::{chunks, expected, logs, stored};
use pipeline::{
    Config, Pipeline, PipelineError, PublishError, PublishedAs, RuleSetError, publish,
    publish_shipped,
};
use std::time::{Duration, Instant};
use store::{NewRuleSet, RuleSetOrigin, Store};
use tokio::sync::{Mutex, MutexGuard};

/// One test at a time: each publishes.
async fn alone() -> (Store, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let guard = ALONE.lock().await;
    let store = store().await;
    // What the test before has left must not count as a site's own.
    publish(&store, &shipped(), RuleSetOrigin::Shipped)
        .await
        .expect("publish");
    (store, guard)
}

fn shipped() -> Vec<(String, String)> {
    Rules::shipped_files()
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

/// The shipped rules with one of them under another name.
fn renamed(id: &str) -> Vec<(String, String)> {
    let (from, to) = (format!("- id: {id}\n"), format!("- id: {id}_of_site\n"));
    let mut files = shipped();
    let before: usize = files.iter().map(|(_, text)| text.len()).sum();
    for (_, text) in &mut files {
        *text = text.replace(&from, &to);
    }
    let after: usize = files.iter().map(|(_, text)| text.len()).sum();
    assert_eq!(after, before + "_of_site".len(), "one rule is renamed");
    files
}

fn loaded(files: &[(String, String)]) -> Rules {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Rules::load(&files).expect("they load")
}

/// Never looks for a newer set by itself, as a process that sleeps.
fn asleep() -> Config {
    Config {
        rules_poll: Duration::from_secs(3_600),
        ..quick()
    }
}

async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    // Generous: the machine may be busy.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_asleep_across_a_publication_changes_no_answer() {
    let (store, _alone) = alone().await;
    let logs = logs(3);
    let rule = expected(Rules::shipped(), "any", &logs)
        .findings
        .iter()
        .map(|finding| finding.rule.clone())
        .find(|rule| !rule.is_empty())
        .expect("the machine fails by a rule");
    let mut sleepers = Vec::new();
    for _ in 0..3 {
        let sleeper = Pipeline::start_with(asleep(), store.clone()).await;
        sleepers.push(sleeper.expect("start"));
    }
    let old = sleepers[0].status().rule_set().expect("a set");
    let files = renamed(&rule);
    let published = publish(&store, &files, RuleSetOrigin::Site)
        .await
        .expect("publish");
    assert_eq!(published.sequence, old + 1);
    let awake = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let rules = loaded(&files);

    // The one that sleeps writes before, after, and in between.
    for (order, sleeper) in sleepers.iter().enumerate() {
        let endpoint = format!("asleep-{order}");
        let all = chunks(&endpoint, &logs, 8 << 10);
        let (some, rest) = all.split_at(all.len() / 2);
        assert_eq!(sleeper.status().rule_set(), Ok(old), "it sleeps");
        let turns: Vec<(&Pipeline, &[event::Chunk])> = match order {
            0 => vec![(sleeper, &all), (&awake, &all)],
            1 => vec![(&awake, &all), (sleeper, &all)],
            _ => vec![(&awake, some), (sleeper, &all), (&awake, rest)],
        };
        for (pipeline, chunks) in turns {
            pipeline
                .handle()
                .store(chunks.to_vec())
                .await
                .expect("stored");
            settle(&store, &endpoint).await;
        }
        assert_eq!(
            stored(&store, &endpoint).await,
            expected(&rules, &endpoint, &logs),
            "order {order}"
        );
    }
    for pipeline in sleepers.into_iter().chain([awake]) {
        pipeline.stop().await.expect("stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_sleeping_pipeline_saw_is_derived_with_the_newest_set() {
    let (store, _alone) = alone().await;
    let (logs, endpoint) = (logs(3), "asleep-alone");
    let sleeper = Pipeline::start_with(asleep(), store.clone())
        .await
        .expect("start");
    let expected = expected(Rules::shipped(), endpoint, &logs);
    // A set whose only difference is a comment: its derivations are of a newer set, and say the same.
    let mut files = shipped();
    files[0].1.push_str("\n# made up\n");
    publish(&store, &files, RuleSetOrigin::Site)
        .await
        .expect("publish");
    let awake = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let all = chunks(endpoint, &logs, 8 << 10);
    let (late, early): (Vec<_>, Vec<_>) =
        all.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let chunks = |part: Vec<(usize, event::Chunk)>| part.into_iter().map(|(_, chunk)| chunk);
    // The newer set's derivation is there before the sleeper's rows come: only news that stays open brings them in.
    awake
        .handle()
        .store(chunks(early).collect())
        .await
        .expect("stored");
    settle(&store, endpoint).await;
    sleeper
        .handle()
        .store(chunks(late).collect())
        .await
        .expect("stored");
    settle(&store, endpoint).await;
    assert_eq!(stored(&store, endpoint).await, expected);
    for pipeline in [sleeper, awake] {
        pipeline.stop().await.expect("stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_pipeline_switches_and_one_that_cannot_pauses() {
    let (store, _alone) = alone().await;
    let config = Config {
        rules_poll: Duration::from_millis(20),
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let status = pipeline.status();
    let first = status.rule_set().expect("a set");
    let (logs, endpoint) = (logs(6), "paused");
    let all = chunks(endpoint, &logs, 64 << 10);

    let newer = NewRuleSet {
        digest: "of a newer build".to_owned(),
        classifier_version: CLASSIFIER_VERSION + 1,
        origin: RuleSetOrigin::Shipped,
        files: vec![("x.yaml".to_owned(), "rules of tomorrow".to_owned())],
    };
    store.publish_rule_set(&newer).await.expect("publish");
    let cannot = RuleSetError::Newer {
        sequence: first + 1,
        needs: CLASSIFIER_VERSION + 1,
        has: CLASSIFIER_VERSION,
    };
    eventually("it pauses", || status.rule_set() == Err(cannot.clone())).await;
    assert_eq!(
        pipeline.handle().store(all.clone()).await,
        Err(PipelineError::NotReady(cannot.clone()))
    );
    assert_eq!(
        store.covered_bytes(TENANT, endpoint).await.expect("bytes"),
        0,
        "nothing is classified with another set"
    );
    match publish_shipped(&store).await {
        Err(PublishError::Newest(error)) => assert_eq!(error, cannot),
        other => panic!("an older build must not replace it unasked: {other:?}"),
    }

    // Asked to, it may go back.
    let back = publish(&store, &shipped(), RuleSetOrigin::Shipped)
        .await
        .expect("publish");
    assert_eq!((back.sequence, back.did), (first + 2, PublishedAs::New));
    eventually("it goes on", || status.rule_set() == Ok(first + 2)).await;
    pipeline.handle().store(all).await.expect("stored");
    settle(&store, endpoint).await;
    assert_eq!(
        stored(&store, endpoint).await,
        expected(Rules::shipped(), endpoint, &logs)
    );
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_replaces_shipped_rules_and_leaves_those_of_a_site() {
    let (store, _alone) = alone().await;
    let same = publish_shipped(&store).await.expect("publish");
    assert_eq!(same.did, PublishedAs::Unchanged);

    let mut older = shipped();
    older.truncate(2);
    publish(&store, &older, RuleSetOrigin::Shipped)
        .await
        .expect("publish");
    let shipped_again = publish_shipped(&store).await.expect("publish");
    assert_eq!(
        (shipped_again.did, shipped_again.sequence),
        (PublishedAs::New, same.sequence + 2)
    );

    let site = publish(&store, &older, RuleSetOrigin::Site)
        .await
        .expect("publish");
    let again = publish(&store, &older, RuleSetOrigin::Site)
        .await
        .expect("publish");
    assert_eq!(
        (again.did, again.sequence),
        (PublishedAs::Unchanged, site.sequence)
    );
    let stays = publish_shipped(&store).await.expect("publish");
    assert_eq!(
        (stays.did, stays.sequence),
        (PublishedAs::SiteStays, site.sequence)
    );

    // Published by a build that read records otherwise: the site's texts stay, under a sequence of this build.
    let old_build = NewRuleSet {
        digest: "of an older build".to_owned(),
        classifier_version: CLASSIFIER_VERSION - 1,
        origin: RuleSetOrigin::Site,
        files: older.clone(),
    };
    store.publish_rule_set(&old_build).await.expect("publish");
    let for_this = publish_shipped(&store).await.expect("publish");
    assert_eq!(for_this.did, PublishedAs::SiteAgain);
    let newest = store.newest_rule_set().await.expect("read").expect("a set");
    assert_eq!(newest.set.files, older);
    assert_eq!(newest.set.classifier_version, CLASSIFIER_VERSION);

    let faulty = vec![("x.yaml".to_owned(), "- id: X\n".to_owned())];
    match publish(&store, &faulty, RuleSetOrigin::Site).await {
        Err(PublishError::Faults(faults)) => assert!(!faults.is_empty()),
        other => panic!("faults are refused: {other:?}"),
    }
    let after = store.newest_rule_set().await.expect("read");
    assert_eq!(after, Some(newest), "a refused set leaves no trace");
}
