//! Trees of old logs, with all that is wrong in them, against a real intake.

use crate::archive::Tree;
use crate::logs::log;
use crate::support::{DEADLINE, RELAY, Server};
use event::Chunk;
use ingest::{Config, SinkError};
use send::{
    BackfillError, BackfillOptions, Case, Mixed, Pattern, Report, SendOptions, Step, Why, backfill,
    send, state_beside,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) fn options(server: &Server, state: &Path, patterns: &[&str]) -> BackfillOptions {
    let send = SendOptions {
        patience: DEADLINE,
        ..SendOptions::new(format!("http://{}", server.address), RELAY)
    };
    let patterns = patterns.iter().map(|text| Pattern::parse(text).unwrap());
    BackfillOptions::new(send, patterns.collect(), state.to_owned())
}

pub(crate) fn quietly(options: &BackfillOptions, tree: &Path) -> Report {
    backfill(options, &[tree.to_owned()], &|_| {}).unwrap()
}

/// What the sink holds, each once: a chunk that came twice folds in the store.
pub(crate) fn held(server: &Server) -> BTreeSet<String> {
    let said = |chunk: &Chunk| {
        format!(
            "{} {:?} {:?} {} {} {} {:?} {:?} {:?}",
            chunk.endpoint,
            chunk.source,
            chunk.stream,
            chunk.offset,
            chunk.length,
            chunk.open,
            chunk.encoding,
            chunk.format,
            chunk.text
        )
    };
    server.sink.chunks().iter().map(said).collect()
}

fn left(report: &Report) -> Vec<(String, Why)> {
    let left = report.left.listed.iter();
    left.map(|left| {
        let name = left
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        (name, left.why.clone())
    })
    .collect()
}

/// `CBSIFT_BACKFILL` folders where it is set, else a hundred.
#[test]
fn a_tree_with_all_that_goes_wrong_adds_up_and_is_taken_once() {
    let folders = std::env::var("CBSIFT_BACKFILL").map_or(100, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::write(&folder.path().join("archive"), folders);
    let server = Server::start(Config::default());
    let state = state_beside(&tree.root).unwrap();
    let options = options(&server, &state, &["{endpoint}/", "{endpoint}_*.zip"]);

    let dry = quietly(
        &BackfillOptions {
            is_dry_run: true,
            ..options.clone()
        },
        &tree.root,
    );
    assert!(server.sink.chunks().is_empty() && !state.exists());
    assert_eq!(dry.files.taken.files, tree.taken);

    let started = std::time::Instant::now();
    let report = quietly(&options, &tree.root);
    eprintln!(
        "{folders} folders: {} files, {} bytes acknowledged in {:.1} s",
        report.files.files(),
        report.acknowledged_bytes,
        started.elapsed().as_secs_f64()
    );
    let files = report.files;
    assert_eq!(
        (
            files.taken.files,
            files.known.files,
            files.skipped.files,
            files.failed.files,
            files.left.files
        ),
        (
            tree.taken,
            tree.twice,
            tree.no_logs,
            tree.damaged,
            tree.mixed_logs
        ),
        "{}",
        report.text()
    );
    assert_eq!(files.files(), tree.files(), "every file is somewhere");
    assert_eq!(report.failed.count(), tree.damaged);
    assert_eq!(report.skipped.count(), tree.no_logs);
    assert_eq!(
        report.endpoints_found,
        tree.endpoints.len() as u64 + tree.mixed
    );
    let of_why = |is: &dyn Fn(&Why) -> bool| {
        let left = report.left.listed.iter();
        left.filter(|left| is(&left.why)).count() as u64
    };
    assert_eq!(
        of_why(&|why| matches!(why, Why::NoEndpoint(_))),
        tree.wrong_names
    );
    assert_eq!(of_why(&|why| matches!(why, Why::Mixed(_))), tree.mixed);
    assert_eq!(of_why(&|why| matches!(why, Why::Case(_))), tree.clashing);
    assert_eq!(of_why(&|why| *why == Why::NoPattern), tree.strays);
    assert!(report.is_incomplete());

    // A live sender of the same folders brings the same.
    let live = Server::start(Config::default());
    for (endpoint, paths) in &tree.endpoints {
        let options = SendOptions {
            endpoint: Some(endpoint.clone()),
            patience: DEADLINE,
            ..SendOptions::new(format!("http://{}", live.address), RELAY)
        };
        send(&options, paths, &|_| {}).unwrap();
    }
    let stored = held(&server);
    assert!(stored == held(&live), "backfilled and sent differ");
    assert_eq!(
        stored.len(),
        server.sink.chunks().len(),
        "nothing went twice"
    );

    // By the state file, and without it by what the intake knows.
    for without_state in [false, true] {
        if without_state {
            fs::remove_file(&state).unwrap();
        }
        let before = server.sink.chunks().len();
        let again = quietly(&options, &tree.root);
        assert_eq!(again.files.taken.files, 0, "{}", again.text());
        assert_eq!(again.files.known.files, tree.taken + tree.twice);
        assert_eq!(again.files.files(), tree.files());
        assert_eq!(
            (again.left.count(), again.failed.count()),
            (report.left.count(), report.failed.count())
        );
        if !without_state {
            assert_eq!(
                (again.acknowledged_bytes, server.sink.chunks().len()),
                (0, before)
            );
        }
        assert!(held(&server) == stored, "the same is stored");
    }
}

#[test]
fn it_goes_on_where_it_was_wherever_the_state_file_ends() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    let bytes = log(30_000).into_bytes();
    for endpoint in ["PC-1", "PC-2"] {
        fs::create_dir_all(root.join(endpoint)).unwrap();
        fs::write(root.join(endpoint).join("CBS.log"), &bytes).unwrap();
    }
    let state = folder.path().join("state");
    let server = Server::start(Config::default());
    let mut options = options(&server, &state, &["{endpoint}/"]);
    options.send.body_bytes = 256 << 10;
    let report = quietly(&options, &root);
    assert!(!report.is_incomplete() && report.files.taken.files == 2);
    let whole = held(&server);
    let lines = fs::read(&state).unwrap();
    let ends: Vec<usize> = (1..=lines.len())
        .filter(|end| lines[end - 1] == b'\n')
        .collect();
    assert!(ends.len() > 20, "many bodies: {}", ends.len());
    // Also within a line.
    for (end, torn) in ends
        .iter()
        .step_by(5)
        .flat_map(|end| [(*end, 0), (*end, 9)])
    {
        fs::write(&state, &lines[..(end + torn).min(lines.len())]).unwrap();
        // An intake that knows nothing of it: what is noted is not sent again, what is not goes out.
        let other = Server::start(Config::default());
        options.send.url = format!("http://{}", other.address);
        let moved = String::from_utf8(fs::read(&state).unwrap()).unwrap();
        fs::write(&state, rewritten(&moved, &server, &other)).unwrap();
        let report = quietly(&options, &root);
        assert!(!report.is_incomplete(), "{}", report.text());
        let noted = noted(&lines[..end]);
        let total = 2 * bytes.len() as u64;
        assert_eq!(report.acknowledged_bytes, total - noted, "{end} {torn}");
        assert!(held(&other).is_subset(&whole));
    }
}

/// Bytes that lines say are done, of each endpoint the last.
fn noted(lines: &[u8]) -> u64 {
    let mut done = std::collections::BTreeMap::new();
    for line in String::from_utf8_lossy(lines).lines().skip(1) {
        let entry: serde_json::Value = serde_json::from_str(&line[9..]).unwrap();
        let endpoint = entry["endpoint"].as_str().unwrap().to_owned();
        done.insert(endpoint, entry["done"].as_u64().unwrap());
    }
    done.values().sum()
}

/// The first line with another intake's address.
fn rewritten(state: &str, from: &Server, to: &Server) -> String {
    let (head, rest) = state.split_once('\n').unwrap();
    let json = head[9..].replace(&from.address.to_string(), &to.address.to_string());
    format!("{:08x} {json}\n{rest}", crc32fast::hash(json.as_bytes()))
}

#[test]
fn what_stands_before_damage_is_sent_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    fs::create_dir_all(&root).unwrap();
    let bytes = crate::archive::damaged_zip(&log(40_000));
    fs::write(root.join("PC-1.zip"), bytes).unwrap();
    let server = Server::start(Config::default());
    let options = options(&server, &folder.path().join("state"), &["{endpoint}.zip"]);
    let first = quietly(&options, &root);
    assert_eq!(first.files.failed.files, 1, "{}", first.text());
    let failed = &first.failed.listed[0];
    assert!(failed.acknowledged_bytes > 100_000, "{failed:?}");
    assert_eq!(failed.acknowledged_bytes, first.acknowledged_bytes);
    let again = quietly(&options, &root);
    assert_eq!((again.acknowledged_bytes, again.failed.count()), (0, 1));
    assert_eq!(
        again.failed.listed[0].acknowledged_bytes,
        failed.acknowledged_bytes
    );
}

#[test]
fn a_file_that_is_written_again_is_looked_at_again() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    fs::create_dir_all(root.join("PC-1")).unwrap();
    let path = root.join("PC-1/CBS.log");
    fs::write(&path, log(100)).unwrap();
    let server = Server::start(Config::default());
    let options = options(&server, &folder.path().join("state"), &["{endpoint}/"]);
    quietly(&options, &root);
    fs::write(&path, log(200)).unwrap();
    let report = quietly(&options, &root);
    assert_eq!(report.files.taken.bytes, log(200).len() as u64);
    let again = BackfillOptions {
        send: SendOptions {
            again: true,
            ..options.send.clone()
        },
        ..options
    };
    assert_eq!(quietly(&again, &root).files.taken.files, 1);
}

#[test]
fn a_busy_intake_is_waited_for_and_one_that_refuses_ends_it_to_go_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    for number in 0..6 {
        let of = root.join(format!("PC-{number}"));
        fs::create_dir_all(&of).unwrap();
        fs::write(of.join("CBS.log"), log(50 + number)).unwrap();
    }
    let server = Server::start(Config::default());
    let mut options = options(&server, &folder.path().join("state"), &["{endpoint}/"]);
    // Only the patience for a busy intake is long enough.
    options.send.patience = std::time::Duration::from_millis(1);
    options.send.busy_patience = Some(DEADLINE);
    options.send.token = "gateway.wrong".to_owned();
    let stopped = quietly(&options, &root);
    assert!(stopped.stopped.is_some() && stopped.files.taken.files == 0);
    assert!(stopped.endpoints_not_reached == 6 && stopped.is_incomplete());
    assert!(server.sink.chunks().is_empty());

    options.send.token = RELAY.to_owned();
    let away = || SinkError::Unavailable("the store is away".to_owned());
    server
        .sink
        .with(|state| state.errors.extend([away(), away()]));
    let waits = Mutex::new(0);
    let report = backfill(&options, &[root], &|step| {
        if let Step::Waiting { .. } = step {
            *waits.lock().unwrap() += 1;
        }
    })
    .unwrap();
    assert!(!report.is_incomplete(), "{}", report.text());
    assert_eq!((report.files.taken.files, *waits.lock().unwrap()), (6, 2));
}

#[test]
fn names_decide_and_rules_for_them_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("archive");
    let put = |path: &str, text: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let event = |host: &str, minute: u32| {
        format!(
            "{{\"ts_utc\":\"2024-05-06T02:{minute:02}:30.000Z\",\"host\":\"{host}\",\"channel\":\"System\",\"provider\":\"Microsoft-Windows-Ntfs\",\"event_id\":98,\"record_id\":{minute},\"level\":\"information\",\"data\":{{\"CorruptionActionState\":\"0\"}}}}\n"
        )
    };
    put("2019/pc-1/logs/CBS.log", &log(40));
    put("2020/PC-1/logs/CBS.log", &log(60));
    put(
        "2020/PC-2/logs/System.jsonl",
        &(event("OLD", 1) + &event("PC-2", 2)),
    );
    put("2020/PC-2/logs/more.jsonl", &event("pc-2.corp.example", 9));
    put(
        "2020/PC-3/logs/System.jsonl",
        &(event("PC-3", 1) + &event("PC-3", 8)),
    );
    put("2020/PC-3/logs/of-another.jsonl", &event("PC-2", 5));
    put("2020/PC-4/other/CBS.log", &log(10));
    put("old/PC-5/logs/CBS.log", &log(10));
    let run = |case: Case, mixed: Mixed| {
        let server = Server::start(Config::default());
        let state = folder.path().join(format!("state-{case:?}-{mixed:?}"));
        let options = BackfillOptions {
            case,
            mixed,
            ..options(&server, &state, &["20*/{endpoint}/logs/"])
        };
        let report = quietly(&options, &root);
        let endpoints = server.sink.chunks().into_iter().map(|chunk| chunk.endpoint);
        (report, endpoints.collect::<BTreeSet<_>>())
    };
    let (report, endpoints) = run(Case::Keep, Mixed::Leave);
    assert_eq!(endpoints, BTreeSet::from(["PC-2".to_owned()]));
    let said = left(&report);
    let why = |name: &str| said.iter().filter(|left| left.0 == name).count();
    assert_eq!(
        (why("other"), why("old"), why("logs")),
        (1, 1, 3),
        "{said:?}"
    );
    let mixed: Vec<&Why> = said
        .iter()
        .map(|left| &left.1)
        .filter(|why| matches!(why, Why::Mixed(_)))
        .collect();
    assert!(
        matches!(mixed[..], [Why::Mixed(names)] if names.contains("PC-3") && names.contains("PC-2"))
    );
    let renamed = report
        .endpoints
        .iter()
        .find(|of| of.endpoint == "PC-2")
        .unwrap();
    let names: Vec<&str> = renamed.hosts.iter().map(|host| host.0.as_str()).collect();
    assert_eq!(names, ["OLD", "PC-2"]);

    let (report, endpoints) = run(Case::Upper, Mixed::Take);
    let all = ["PC-1", "PC-2", "PC-3"].map(str::to_owned);
    assert_eq!(endpoints, BTreeSet::from(all));
    assert_eq!(report.shared_hosts["pc-2"], ["PC-2", "PC-3"]);
    assert!(!report.is_incomplete());
}

#[test]
fn what_was_asked_wrongly_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default());
    let state = folder.path().join("state");
    let at = |pattern: &str, path: PathBuf| {
        backfill(&options(&server, &state, &[pattern]), &[path], &|_| {})
    };
    let missing = at("{endpoint}/", folder.path().join("missing"));
    assert!(matches!(missing, Err(BackfillError::Options(_))));
    let elsewhere = at("/elsewhere/{endpoint}/", folder.path().to_owned());
    assert!(matches!(elsewhere, Err(BackfillError::Options(_))));
    assert!(!state.exists());
    fs::write(&state, "my notes\n").unwrap();
    let notes = at("{endpoint}/", folder.path().to_owned());
    assert!(matches!(notes, Err(BackfillError::Journal(_))));
    assert_eq!(fs::read_to_string(&state).unwrap(), "my notes\n");
}
