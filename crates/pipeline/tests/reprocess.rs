//! Jobs that change what is stored, in a process of its own: each publishes, and the newest set is the whole store's.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
mod logs;

use classify::Rules;
use event::{Chunk, EventId, Finding};
use harness::{TENANT, quick, settle, store};
use logs::{Answer, chunks, expected, logs, stored};
use pipeline::{
    Asked, Config, Pace, Pipeline, Plan, Refused, apply, begin, plan, publish, roll_back, sweep,
};
use simulate::LogFile;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Job, JobState, JobStep, NewJob, RuleSetOrigin, Selection, Store};
use tokio::sync::{Mutex, MutexGuard};

/// One test at a time: each publishes.
async fn alone() -> (Store, MutexGuard<'static, ()>) {
    static ALONE: Mutex<()> = Mutex::const_new(());
    let guard = ALONE.lock().await;
    let store = store().await;
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

/// A record of healthy logs that means nothing to the shipped rules.
const NEW: &str = "
- id: made_up_by_site
  title: { en: Something of this site, zh: 本站点的事 }
  advice: { en: [mend it], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: ['NonStart: Checking to ensure startup processing'] }
  tests: { match: ['NonStart: Checking to ensure startup processing'], no_match: [fine] }
";

/// The shipped rules with a new one, and without two that call records noise: some become events, some noise by another rule.
fn changed() -> Vec<(String, String)> {
    let mut files = shipped();
    files.push(("zz_site.yaml".to_owned(), NEW.to_owned()));
    let mut dropped = 0;
    for (_, text) in &mut files {
        for rule in ["sqm_upload_off", "package_not_installed"] {
            let Some(from) = text.find(&format!("- id: {rule}\n")) else {
                continue;
            };
            let rest = text.get(from + 1..).unwrap_or_default();
            let to = rest.find("\n- id: ").map_or(text.len(), |at| from + 2 + at);
            text.replace_range(from..to, "");
            dropped += 1;
        }
    }
    assert_eq!(dropped, 2, "rules are dropped");
    files
}

/// Logs of machines on which the changed rules make a difference: of Windows 7, whose healthy logs hold all that they are about.
fn machine(number: usize) -> Vec<LogFile> {
    let is_one = |logs: &Vec<LogFile>| {
        let texts = || logs.iter().map(|log| String::from_utf8_lossy(&log.bytes));
        let holds = |what: &str| texts().any(|text| text.contains(what));
        holds("NonStart: Checking to ensure startup processing") && holds("0x800f0805")
    };
    let mut all = (0..200).map(logs).filter(is_one);
    all.nth(number).expect("such a machine")
}

fn loaded(files: &[(String, String)]) -> Rules {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    Rules::load(&files).expect("they load")
}

/// Of some endpoints, on all days.
fn of(endpoints: &[&str]) -> Selection {
    Selection {
        from: 0,
        to: u16::MAX,
        endpoints: endpoints.iter().map(|name| (*name).to_owned()).collect(),
        ..Selection::default()
    }
}

async fn planned(store: &Store, of: &Selection, files: &[(String, String)]) -> Plan {
    let newest = pipeline::newest(store)
        .await
        .expect("asked")
        .expect("a set");
    let asked = Asked {
        tenant: TENANT.to_owned(),
        of: of.clone(),
        rules: Arc::new(loaded(files)),
        current: Some(Arc::new(newest.rules)),
    };
    plan(store, &asked, &|_| ()).await.expect("a plan")
}

/// A job of no other test's name.
fn name() -> String {
    static NAMES: AtomicU64 = AtomicU64::new(0);
    format!("job-{}", NAMES.fetch_add(1, Ordering::Relaxed))
}

async fn job(store: &Store, of: &Selection, files: &[(String, String)]) -> Job {
    let base = store.rule_set().await.expect("asked").expect("a set");
    let new = NewJob {
        tenant: TENANT.to_owned(),
        id: name(),
        digest: loaded(files).digest().to_owned(),
        files: files.to_vec(),
        origin: RuleSetOrigin::Site.name().to_owned(),
        base,
        is_recounted: true,
        ..NewJob::default()
    };
    let job = Job::new(new, of);
    store.put_job(&job).await.expect("stored");
    job
}

/// As fast as it can, to the end that readers see.
fn pace() -> Pace {
    Pace {
        workers: 2,
        max_pending: 1_000_000,
        look: Duration::from_millis(20),
        is_waited_for: true,
    }
}

async fn done(store: &Store, id: &str) -> JobStep {
    let job = begin(store, TENANT, id, "a test", 1).await.expect("begun");
    let done = apply(store, &job, pace(), &|| 1, &|_| ()).await;
    done.expect("applied")
}

async fn back(store: &Store, id: &str) -> JobStep {
    let new = NewJob {
        tenant: TENANT.to_owned(),
        id: name(),
        ..NewJob::default()
    };
    let undo = roll_back(store, TENANT, id, new).await.expect("a rollback");
    done(store, &undo.id).await
}

async fn state(store: &Store, id: &str) -> JobState {
    store
        .job(TENANT, id)
        .await
        .expect("asked")
        .expect("a job")
        .state()
}

/// The pipeline that derives. It notices a new rule set at once, and looks for what others leave.
async fn live(store: &Store) -> Pipeline {
    let config = Config {
        rules_poll: Duration::from_millis(20),
        sweep: Duration::from_millis(100),
        first_sweep_age: Duration::from_secs(5),
        sweep_age: Duration::from_secs(5),
        ..quick()
    };
    Pipeline::start_with(config, store.clone())
        .await
        .expect("start")
}

async fn send(pipeline: &Pipeline, chunks: &[Chunk]) {
    pipeline
        .handle()
        .store(chunks.to_vec())
        .await
        .expect("stored");
}

/// What readers of a fleet's codes see, exact where there are few.
async fn sums(store: &Store, endpoint: &str) -> Vec<(String, u64, u64)> {
    let codes = store
        .codes_of_endpoint(TENANT, endpoint)
        .await
        .expect("codes");
    codes
        .into_iter()
        .map(|code| (code.code.to_string(), code.events, code.noise))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_it_is_as_if_the_rules_had_always_been_there_and_rolled_back_as_if_never() {
    let (store, _alone) = alone().await;
    let live = live(&store).await;
    let machines: BTreeMap<&str, Vec<LogFile>> = [
        ("again-0", machine(0)),
        ("again-1", machine(1)),
        ("again-2", logs(6)),
    ]
    .into();
    let pieces = |name: &str| chunks(name, &machines[name], 16 << 10);
    // One is whole, one half there, one comes later.
    let (half, rest) = {
        let all = pieces("again-1");
        let (half, rest) = all.split_at(all.len() / 2);
        (half.to_vec(), rest.to_vec())
    };
    send(&live, &pieces("again-0")).await;
    send(&live, &half).await;
    for name in machines.keys() {
        settle(&store, name).await;
    }
    let (old, new) = (loaded(&shipped()), loaded(&changed()));
    let is = async |rules: &Rules, names: &[&str]| {
        for name in names {
            settle(&store, name).await;
            let (stored, expected) = (
                stored(&store, name).await,
                expected(rules, name, &machines[*name]),
            );
            assert_eq!(stored, expected, "{name}");
        }
    };
    is(&old, &["again-0"]).await;
    assert_ne!(
        expected(&old, "again-0", &machines["again-0"]),
        expected(&new, "again-0", &machines["again-0"]),
        "the rules make a difference"
    );

    let of = of(&["again-0", "again-1", "again-2"]);
    let before = findings(&store, "again-0").await;
    let foretold = planned(&store, &of, &changed()).await;
    assert!(!foretold.is_empty());
    let first = job(&store, &of, &changed()).await;
    assert_eq!(state(&store, &first.id).await, JobState::Planned);
    is(&old, &["again-0"]).await;
    let step = done(&store, &first.id).await;
    assert_eq!((step.phase.as_str(), step.poisoned), ("done", 0));
    assert_eq!(step.bytes, step.bytes_total);
    assert_eq!(state(&store, &first.id).await, JobState::Applied);
    is(&new, &["again-0"]).await;

    // What it changed is what was foretold.
    let after = findings(&store, "again-0").await;
    let changes = foretold
        .units
        .iter()
        .filter(|unit| unit.endpoint == "again-0");
    let (appear, vanish) = changes.fold((0, 0), |sum, unit| {
        (sum.0 + unit.appear, sum.1 + unit.vanish)
    });
    let count = |of: &BTreeMap<EventId, Finding>, not_in: &BTreeMap<EventId, Finding>| {
        of.keys().filter(|id| !not_in.contains_key(id)).count() as u64
    };
    assert!(appear > 0);
    assert_eq!(
        (count(&after, &before), count(&before, &after)),
        (appear, vanish)
    );
    let first_of = |findings: &BTreeMap<EventId, Finding>| {
        let new = findings.values().filter(|f| f.rule == "made_up_by_site");
        new.filter_map(|finding| finding.logged).min()
    };
    assert!(first_of(&before).is_none() && first_of(&after).is_some());

    // Nothing is left to change; what comes meanwhile is of the new rules.
    let again = planned(&store, &of, &changed()).await;
    assert!(again.is_empty(), "{again:#?}");
    send(&live, &rest).await;
    send(&live, &pieces("again-2")).await;
    is(&new, &["again-0", "again-1", "again-2"]).await;

    // A twin that got the same and never met the new rules says the same, byte for byte.
    back(&store, &first.id).await;
    assert_eq!(state(&store, &first.id).await, JobState::RolledBack);
    is(&old, &["again-0", "again-1", "again-2"]).await;
    assert!(planned(&store, &of, &shipped()).await.is_empty());
    let twin = |name: &str| format!("{name}-twin");
    for name in machines.keys() {
        send(&live, &chunks(&twin(name), &machines[name], 16 << 10)).await;
        settle(&store, &twin(name)).await;
        assert_eq!(sums(&store, name).await, sums(&store, &twin(name)).await);
    }

    // And forth again: what is gone can come back, and go.
    let second = job(&store, &of, &changed()).await;
    done(&store, &second.id).await;
    is(&new, &["again-0", "again-1", "again-2"]).await;
    back(&store, &second.id).await;
    is(&old, &["again-0", "again-1", "again-2"]).await;
    live.stop().await.expect("stop");
}

async fn findings(store: &Store, endpoint: &str) -> BTreeMap<EventId, Finding> {
    let (_, findings) = store.derived(TENANT, endpoint).await.expect("derived");
    findings.into_iter().map(|f| (f.id, f)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_short_anywhere_and_run_again_it_comes_to_the_same_end() {
    let (store, _alone) = alone().await;
    let live = live(&store).await;
    let machine = machine(0);
    let names = ["cut-0", "cut-1", "cut-2"];
    for name in names {
        send(&live, &chunks(name, &machine, 4 << 10)).await;
        settle(&store, name).await;
    }
    let of = of(&names);
    let wanted = job(&store, &of, &changed()).await;
    let (mut cuts, mut patience) = (0, Duration::from_millis(8));
    let step = loop {
        let begun = begin(&store, TENANT, &wanted.id, "a test", 1)
            .await
            .expect("begun");
        // Dropped in the middle of whatever it does: a process that is killed does no more either.
        let run = apply(&store, &begun, pace(), &|| 1, &|_| ());
        match tokio::time::timeout(patience, run).await {
            Ok(step) => break step.expect("applied"),
            Err(_) => cuts += 1,
        }
        assert!(cuts < 100, "it never ends");
        patience = patience.mul_f64(1.25);
    };
    assert!(cuts >= 10, "cut short {cuts} times");
    assert_eq!(step.phase, "done");
    let rules = loaded(&changed());
    for name in names {
        settle(&store, name).await;
        assert_eq!(stored(&store, name).await, expected(&rules, name, &machine));
    }
    assert!(planned(&store, &of, &changed()).await.is_empty());
    live.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_asleep_across_the_switch_changes_nothing_once_it_is_swept() {
    let (store, _alone) = alone().await;
    let machine = machine(0);
    // Never looks for a newer set by itself.
    let asleep = Config {
        rules_poll: Duration::from_secs(3_600),
        ..quick()
    };
    let sleeper = Pipeline::start_with(asleep, store.clone())
        .await
        .expect("start");
    let awake = live(&store).await;
    let names = ["swept-0", "swept-1"];
    send(&awake, &chunks("swept-0", &machine, 8 << 10)).await;
    settle(&store, "swept-0").await;
    let of = of(&names);
    let wanted = job(&store, &of, &changed()).await;
    done(&store, &wanted.id).await;
    // One it alone has seen, and one that everybody has.
    for name in names {
        send(&sleeper, &chunks(name, &machine, 8 << 10)).await;
    }
    let begun = begin(&store, TENANT, &wanted.id, "a test", 2)
        .await
        .expect("begun");
    sweep(&store, &begun, pace(), &|| 2, &|_| ())
        .await
        .expect("swept");
    let rules = loaded(&changed());
    for name in names {
        settle(&store, name).await;
        let (stored, expected) = (stored(&store, name).await, expected(&rules, name, &machine));
        assert_eq!(stored, expected, "{name}");
    }
    for pipeline in [sleeper, awake] {
        pipeline.stop().await.expect("stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_refused_where_its_diff_is_older_than_the_rules() {
    let (store, _alone) = alone().await;
    let none = of(&["nobody"]);
    let begun = async |id: &str| -> Refused {
        let refused = begin(&store, TENANT, id, "a test", 1)
            .await
            .expect_err("refused");
        refused.downcast().expect("a reason")
    };
    assert_eq!(
        begun("no such").await,
        Refused::Unknown("no such".to_owned())
    );

    let old = job(&store, &none, &changed()).await;
    let mut other = shipped();
    other[0].1.push_str("\n# made up\n");
    let newest = publish(&store, &other, RuleSetOrigin::Site)
        .await
        .expect("publish");
    let base = newest.sequence - 1;
    let newest = newest.sequence;
    assert_eq!(
        begun(&old.id).await,
        Refused::Older {
            id: old.id.clone(),
            base,
            newest
        }
    );

    // One that is under way keeps others out, and is taken back although it never ended.
    let first = job(&store, &none, &changed()).await;
    let second = job(&store, &none, &shipped()).await;
    let first = begin(&store, TENANT, &first.id, "a test", 1)
        .await
        .expect("begun");
    assert_eq!(first.rule_set, newest + 1);
    assert_eq!(
        begun(&second.id).await,
        Refused::Busy {
            other: first.id.clone()
        }
    );
    back(&store, &first.id).await;
    assert_eq!(state(&store, &first.id).await, JobState::RolledBack);
    let (sequence, digest) = store.rule_set().await.expect("asked").expect("a set");
    assert_eq!(
        (sequence, digest.as_str()),
        (newest + 2, loaded(&other).digest())
    );
    assert!(matches!(begun(&first.id).await, Refused::State { .. }));
    assert!(matches!(begun(&second.id).await, Refused::Older { .. }));

    // Rules that somebody publishes over an applied job are not taken back with it.
    let third = job(&store, &none, &changed()).await;
    done(&store, &third.id).await;
    publish(&store, &shipped(), RuleSetOrigin::Shipped)
        .await
        .expect("publish");
    let undo = roll_back(&store, TENANT, &third.id, NewJob::default()).await;
    let refused: Refused = undo.expect_err("refused").downcast().expect("a reason");
    assert!(matches!(refused, Refused::Overtaken { .. }), "{refused}");
}

/// The twin's answers are computed in memory, so they must not be empty.
#[tokio::test(flavor = "multi_thread")]
async fn the_made_up_machine_has_what_the_rules_change() {
    let of =
        |files: &[(String, String)]| -> Answer { expected(&loaded(files), "any", &machine(0)) };
    let (old, new) = (of(&shipped()), of(&changed()));
    let is_new = |finding: &&Finding| finding.rule == "made_up_by_site";
    assert_eq!(old.findings.iter().filter(is_new).count(), 0);
    assert!(new.findings.iter().filter(is_new).count() > 0);
    let noise = |answer: &Answer| answer.codes.iter().map(|(_, _, noise)| noise).sum::<u64>();
    assert!(noise(&old) > noise(&new), "some noise becomes events");
}
