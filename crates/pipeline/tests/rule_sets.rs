//! Rule sets that change under running pipelines, in a process of its own: the newest set is the whole store's.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
mod logs;

use classify::{CLASSIFIER_VERSION, Rules, classify};
use event::{Event, EventId};
use harness::{TENANT, quick, settle, store};
use logs::{chunks, cut, expected, logs, stored};
use pipeline::{
    Asked, Change, Config, Pipeline, PipelineError, Plan, PublishError, PublishedAs, RuleSetError,
    plan, publish, publish_shipped,
};
use std::collections::BTreeMap;
use std::sync::Arc;
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

/// Everything that a tenant holds.
async fn planned(store: &Store, tenant: &str, files: &[(String, String)]) -> Plan {
    let asked = Asked {
        tenant: tenant.to_owned(),
        of: store::Selection {
            from: 0,
            to: u16::MAX,
            ..store::Selection::default()
        },
        rules: Arc::new(loaded(files)),
        current: Some(Arc::new(loaded(&shipped()))),
    };
    plan(store, &asked, &|_| ()).await.expect("a plan")
}

/// What classification makes of chunks, each identity once, without records that a longer piece goes on over.
fn events(files: &[(String, String)], chunks: &[event::Chunk]) -> BTreeMap<EventId, Event> {
    let rules = loaded(files);
    chunks
        .iter()
        .flat_map(|chunk| classify(&rules, chunk).events)
        .filter(|event| {
            let goes_on = |chunk: &event::Chunk| {
                chunk.stream == event.stream
                    && chunk.offset <= event.offset
                    && chunk.offset + chunk.length > event.offset + event.length
            };
            !event.open || !chunks.iter().any(goes_on)
        })
        .map(|event| (event.id, event))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_names_exactly_the_events_that_other_rules_would_change() {
    let (store, _alone) = alone().await;
    // A tenant of its own: other tests leave rows of other rules.
    let tenant = "planned";
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let mut all = Vec::new();
    for (at, machine) in [3, 11].into_iter().enumerate() {
        let endpoint = format!("planned-{at}");
        // Two cuts of the same bytes, the second from growing copies: pieces overlap, and some end within a record.
        for log in &logs(machine) {
            all.extend(cut(&endpoint, log, log.bytes.len(), 16 << 10));
            all.extend(cut(&endpoint, log, log.bytes.len() / 2 + 1, 8 << 10));
        }
    }
    for chunk in &mut all {
        chunk.tenant = tenant.to_owned();
    }
    pipeline.handle().store(all.clone()).await.expect("stored");
    for at in 0..2 {
        settle(&store, &format!("planned-{at}")).await;
    }

    let same = planned(&store, tenant, &shipped()).await;
    assert!(same.is_empty(), "{same:#?}");
    assert_eq!(same.chunks, all.len() as u64);
    assert!(same.unchanged > 0 && same.endpoints == 2);

    // A rule under another name: its events, and the findings that it names.
    let now = events(&shipped(), &all);
    let rule = expected(Rules::shipped(), "any", &logs(3))
        .findings
        .iter()
        .map(|finding| finding.rule.clone())
        .find(|rule| !rule.is_empty())
        .expect("the machine fails by a rule");
    let other = planned(&store, tenant, &renamed(&rule)).await;
    let groups: Vec<_> = other
        .events
        .iter()
        .map(|(group, tally)| {
            (
                group.change,
                group.from.as_str(),
                group.to.as_str(),
                tally.count,
            )
        })
        .collect();
    let renamed = format!("{rule}_of_site");
    let count = now.values().filter(|event| event.rule == rule).count() as u64;
    assert!(count > 0);
    assert_eq!(
        groups,
        [(Change::Changes, rule.as_str(), renamed.as_str(), count)]
    );
    assert!(
        !other.findings.is_empty()
            && other
                .findings
                .keys()
                .all(|group| group.change == Change::Changes && group.to == renamed),
        "{:#?}",
        other.findings
    );
    assert_eq!(other.units_changed, other.units.len() as u64);

    // A rule more: what it finds appears.
    let mut more = shipped();
    more.push(("more.yaml".to_owned(), MORE.to_owned()));
    let then = events(&more, &all);
    let wanted = then.keys().filter(|id| !now.contains_key(id)).count() as u64;
    assert!(wanted > 0, "the rule finds something");
    let appear = planned(&store, tenant, &more).await;
    let appearing: u64 = appear
        .events
        .iter()
        .filter(|(group, _)| group.change == Change::Appears)
        .map(|(group, tally)| {
            assert_eq!(
                (group.from.as_str(), group.to.as_str()),
                ("", "made_up_more")
            );
            tally.count
        })
        .sum();
    assert_eq!(appearing, wanted);

    // A rule less: what no other rule and no code keeps vanishes, and the rest says something else.
    let mut without = shipped();
    for (_, text) in &mut without {
        *text = without_rule(text, &rule);
    }
    let left = events(&without, &all);
    let gone = now.keys().filter(|id| !left.contains_key(id)).count() as u64;
    let vanish = planned(&store, tenant, &without).await;
    let vanishing: u64 = vanish
        .events
        .iter()
        .filter(|(group, _)| group.change == Change::Vanishes)
        .map(|(_, tally)| tally.count)
        .sum();
    assert_eq!(vanishing, gone);
    let touched: u64 = vanish.events.values().map(|tally| tally.count).sum();
    assert_eq!(touched + vanish.unchanged, now.len() as u64);
    pipeline.stop().await.expect("stop");
}

/// A file without one of its rules.
fn without_rule(text: &str, id: &str) -> String {
    let from = format!("- id: {id}\n");
    let Some(start) = text.find(&from) else {
        return text.to_owned();
    };
    let rest = &text[start + from.len()..];
    let end = rest
        .find("\n- id: ")
        .map_or(text.len(), |at| start + from.len() + at + 1);
    text[..start].to_owned() + &text[end..]
}

/// Made up: it finds what the simulated logs hold of ordinary lines.
const MORE: &str = "
- id: made_up_more
  title: { en: An ordinary line, zh: 普通行 }
  advice: { en: [nothing], zh: [无] }
  category: not_servicing
  severity: info
  when: { all: [Ending TrustedInstaller] }
  tests: { match: [Info CBS Ending TrustedInstaller], no_match: [Info CBS fine] }
";

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
