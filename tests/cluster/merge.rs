//! Two ids of one machine become one while both send, through two intakes, Kafka and two pipelines, and though the merge dies twice.

use crate::harness::{Cluster, Role, until};
use crate::load::{Endpoint, Load, read_line};
use crate::single::{Answers, get, scan, text};
use crate::truth::{check_books, check_intake_books, streams_of};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Stdio};

const FROM: &str = "merge-0";
const INTO: &str = "merge-1";

/// The same logs under one id from the start.
const TWIN: &str = "merge-twin";

fn count(cluster: &Cluster, question: &str) -> u64 {
    let answer = cluster.sql(&format!("SELECT count() FROM {question}"));
    answer.trim().parse().unwrap()
}

fn start_merge(cluster: &Cluster) -> Child {
    let mut command = cluster.command("endpoints");
    command.args(["merge", FROM, INTO, "--quiet"]);
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// SIGKILL, once it has come so far, and before its end.
fn kill_where(mut merge: Child, what: &str, mut is_there: impl FnMut() -> bool) {
    until(what, || {
        let is_there = is_there();
        let ended = merge.try_wait().unwrap();
        assert!(ended.is_none(), "the merge ended before {what}: {ended:?}");
        is_there.then_some(())
    });
    merge.kill().unwrap();
    merge.wait().unwrap();
}

/// An endpoint on its page, without what names it, without when it was last in touch, and without which of two records of one second and place
/// is shown first, which their streams' names decide.
fn page(web: &Role, endpoint: &str) -> Value {
    let page = web.address("page").trim_end_matches('/');
    let (status, body) = get(&format!("{page}/api/v1/endpoints/{endpoint}"));
    assert_eq!(status, 200, "{body}");
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    forget(&mut answer, &["id", "stream", "contact", "finding", "text"]);
    for list in ["streams", "attempts", "findings"] {
        let rows = answer[list].as_array_mut().unwrap();
        rows.sort_by_key(Value::to_string);
    }
    answer
}

fn forget(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|field| forget(field, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| forget(item, names)),
        _ => {}
    }
}

/// Every line that was sent stands in one stream and in no other, and each stream is a file.
fn check_bytes(cluster: &Cluster, endpoint: &str, sent: &[Endpoint]) {
    let streams = streams_of(cluster, endpoint);
    let mut lines = BTreeSet::new();
    for line in streams.values().flat_map(|stream| stream.lines()) {
        let line = read_line(line).unwrap_or_else(|error| panic!("{error}"));
        assert!(lines.insert(line.clone()), "{endpoint}: {line} twice");
    }
    let held: BTreeSet<&str> = streams.values().map(String::as_str).collect();
    let files: Vec<String> = sent.iter().flat_map(Endpoint::files).collect();
    let files: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    assert!(
        held == files,
        "{endpoint}: {} files sent, {} streams stored, {} of them equal to a file",
        files.len(),
        held.len(),
        held.intersection(&files).count()
    );
}

#[test]
fn two_ids_that_send_become_one_though_the_merge_is_killed() {
    let cluster = Cluster::start();
    let intakes = [cluster.ingest("ingest 1"), cluster.ingest("ingest 2")];
    let mut pipelines = [
        cluster.pipeline("pipeline 1"),
        cluster.pipeline("pipeline 2"),
    ];
    let web = Role::start("web", cluster.command("web"), &["page", "health"]);
    cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
    let load = Load::start("merge", &[&intakes[0], &intakes[1]], 2);
    load.more(4);
    for endpoint in [FROM, INTO] {
        cluster.stored(endpoint, 1);
    }

    // What people call it is on the page with the first look at it, and its ids stay.
    let at = web.address("page").trim_end_matches('/');
    cluster.run(&["endpoints", "rename", INTO, "Counter 1"]);
    cluster.run(&["endpoints", "label", INTO, "ring=pilot"]);
    let (_, named) = get(&format!("{at}/api/v1/endpoints/{INTO}"));
    let named: Value = serde_json::from_str(&named).unwrap();
    assert_eq!(named["endpoint"]["name"], "Counter 1");
    assert_eq!(named["endpoint"]["id"], INTO);
    let (_, pilots) = get(&format!("{at}/api/v1/endpoints?label=ring:pilot"));
    assert!(pilots.contains(INTO) && !pilots.contains(FROM), "{pilots}");

    // Dead once something of the one id was stored under the other, by nobody but the merge: its first file came before.
    let first = format!("chunks WHERE endpoint = '{INTO}' AND position(text, '<{FROM}/0/') > 0");
    kill_where(start_merge(&cluster), "text is moved", || {
        count(&cluster, &first) > 0
    });
    assert!(count(&cluster, &format!("chunks WHERE endpoint = '{FROM}'")) > 0);
    load.more(2);
    // Dead again where rows go, and others are still there.
    let events = format!("events WHERE endpoint = '{FROM}'");
    kill_where(start_merge(&cluster), "rows are gone", || {
        count(&cluster, &events) == 0
    });
    load.more(2);
    let ended = start_merge(&cluster).wait().unwrap();
    assert!(ended.success(), "{ended}");
    load.more(2);
    let sent = load.finish();

    // A machine that had one id from the start, with the same logs.
    let bytes: u64 = sent
        .iter()
        .flat_map(Endpoint::files)
        .map(|file| file.len() as u64)
        .sum();
    for endpoint in &sent {
        let files = crate::fixtures::files(endpoint.folder());
        cluster.send(&[&intakes[0]], TWIN, &files, &["--chunk-kib", "4"]);
    }
    for endpoint in [INTO, TWIN] {
        cluster.stored(endpoint, bytes);
    }
    cluster.settle(&[&pipelines[0], &pipelines[1]]);
    let folders: Vec<_> = sent.iter().map(Endpoint::folder).collect();
    let expected = Answers::of_scan(&scan(&folders, INTO));
    assert!(!expected.findings.is_empty(), "the fixture says something");
    let check = |when: &str| {
        for endpoint in [INTO, TWIN] {
            check_bytes(&cluster, endpoint, &sent);
            let distinct = count(
                &cluster,
                &format!("current_events WHERE endpoint = '{endpoint}'"),
            );
            let events: usize = sent.iter().map(Endpoint::events).sum();
            assert_eq!(distinct, events as u64, "{when}: events of {endpoint}");
            assert_eq!(cluster.answers(endpoint), expected, "{when}: {endpoint}");
        }
        let (merged, twin) = (page(&web, INTO), page(&web, TWIN));
        for same in ["totals", "streams", "attempts", "findings", "codes"] {
            assert!(!merged[same].is_null(), "{same}");
            assert_eq!(merged[same], twin[same], "{when}: {same}");
        }
        assert_eq!(merged["endpoint"]["name"], "Counter 1");
        // Of the other id nothing is left, in any table that holds rows of endpoints.
        let left = cluster.ask(async |store| store.holdings("default", FROM).await.unwrap());
        assert_eq!(left, store::Holdings::default(), "{when}");
        let (_, list) = get(&format!("{at}/api/v1/endpoints"));
        let list: Value = serde_json::from_str(&list).unwrap();
        let rows = list["endpoints"].as_array().unwrap();
        let ids = rows.iter().filter_map(|row| row["endpoint"].as_str());
        assert_eq!(ids.collect::<BTreeSet<_>>(), BTreeSet::from([INTO, TWIN]));
    };
    check("merged");
    for pipeline in &mut pipelines {
        check_books(pipeline);
        pipeline.stop();
    }
    // All that Kafka holds under the old id comes once more.
    let mut again = cluster.pipeline_told("again", &["--rewind"]);
    cluster.settle(&[&again]);
    assert!(again.metric("cbsift_pipeline_read_total") > 0.0);
    check("read again");
    check_books(&again);
    again.stop();
    for mut intake in intakes {
        check_intake_books(&intake);
        intake.stop();
    }
    let said = cluster.command("audit").arg("list").output().unwrap();
    let said = text(&said.stdout);
    let begun = said.matches(&format!("endpoint.merge  {FROM}")).count();
    let ended = said.matches(&format!("endpoint.merged  {FROM}")).count();
    assert_eq!((begun, ended), (3, 1), "{said}");
}
