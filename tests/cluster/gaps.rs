//! What agents say to be lost: through either intake, Kafka and a pipeline onto the pages, once, whatever comes again.

use crate::harness::{Cluster, Role, TOKEN, ask, until};
use crate::single::{get, text};
use serde_json::Value;

const PC: &str = "PC-GAP";

fn tell(intake: &Role, endpoint: &str, gap: &str) {
    let headers = [
        ("authorization", format!("Bearer {TOKEN}")),
        ("cbsift-endpoint", endpoint.to_owned()),
    ];
    let body = format!("{{\"gaps\":[{gap}]}}");
    let answer = ask(intake.address("intake"), "PUT", "/v1/gaps", &headers, &body);
    assert_eq!(
        (answer.status, &*answer.body),
        (200, "{\"noted\":1}"),
        "{gap}"
    );
}

fn api(web: &Role, path: &str) -> Value {
    let page = web.address("page").trim_end_matches('/');
    let (status, body) = get(&format!("{page}/api/v1{path}"));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Reason and place of what is lost, by PC.
fn lost(web: &Role) -> Vec<(String, String, u64, u64)> {
    let coverage = api(web, "/coverage");
    let rows = coverage["lost"].as_array().unwrap();
    assert_eq!(coverage["lost_total"], rows.len());
    let word = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap();
    let rows = rows.iter().map(|row| {
        (
            word(row, "endpoint"),
            word(row, "reason"),
            number(row, "from"),
            number(row, "to"),
        )
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort();
    rows
}

#[test]
fn what_is_lost_is_on_the_pages_once_whatever_comes_again() {
    let cluster = Cluster::start();
    let intakes = [cluster.ingest("ingest 1"), cluster.ingest("ingest 2")];
    let mut pipeline = cluster.pipeline("pipeline");
    let web = Role::start("web", cluster.command("web"), &["page", "health"]);
    // A log of which nothing failed.
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    let line = "2024-05-20 08:00:00, Info                  CBS    Session: 1_1 initialized by client made up\r\n";
    std::fs::write(&log, line.repeat(3)).unwrap();
    for (number, endpoint) in [PC, "PC-OTHER"].into_iter().enumerate() {
        cluster.send(
            &[&intakes[number]],
            endpoint,
            std::slice::from_ref(&log),
            &[],
        );
        cluster.stored(endpoint, 3 * line.len() as u64);
    }
    let held = |endpoint: &str| api(&web, &format!("/endpoints/{endpoint}"))["held"].clone();
    let reasons = |endpoint: &str| -> Vec<String> {
        let held = held(endpoint);
        let sources = held["sources"].as_array().unwrap().iter();
        let gaps = sources.flat_map(|source| source["gaps"].as_array().unwrap());
        gaps.map(|gap| gap["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    // Years ago: that nothing has come since is so of both.
    let before = reasons("PC-OTHER");
    assert_eq!(reasons(PC), before);

    let overwritten = r#"{"source":"event_log","path":"C:\\System.evtx","from":11,"to":41,"reason":"overwritten"}"#;
    let gone = r#"{"source":"cbs","path":"C:\\CBS.log","from":900,"to":1000,"reason":"gone"}"#;
    tell(&intakes[0], PC, overwritten);
    tell(&intakes[1], PC, gone);
    let expected = [
        (PC.to_owned(), "gone".to_owned(), 900, 1000),
        (PC.to_owned(), "overwritten".to_owned(), 11, 41),
    ];
    until("both are on the page", || {
        (lost(&web) == expected).then_some(())
    });
    let told = cluster.sql("SELECT reason, min(told) FROM gaps GROUP BY reason ORDER BY reason");
    // By the agent's next process, at the other intake; and by the topic, read from its start.
    tell(&intakes[1], PC, overwritten);
    tell(&intakes[0], PC, gone);
    cluster.settle(&[&pipeline]);
    pipeline.stop();
    let mut again = cluster.pipeline_told("again", &["--rewind"]);
    cluster.settle(&[&again]);
    assert!(again.metric("cbsift_pipeline_read_total") >= 6.0);
    assert_eq!(lost(&web), expected);
    let anew = cluster.sql("SELECT reason, min(told) FROM gaps GROUP BY reason ORDER BY reason");
    assert_eq!(anew, told, "the first time stays");

    // The page of the PC says that its verdict does not know all, and that of the other one nothing new.
    let held = held(PC);
    assert_eq!(held["whole"], false);
    let all = reasons(PC);
    for reason in ["gone", "overwritten"] {
        assert_eq!(all.iter().filter(|known| *known == reason).count(), 1);
    }
    assert_eq!(reasons("PC-OTHER"), before);
    let said = cluster
        .command("endpoints")
        .args(["coverage", PC])
        .output()
        .unwrap();
    let said = text(&said.stdout);
    assert!(
        said.contains("records 11 to 41 of C:\\System.evtx"),
        "{said}"
    );
    // What is lost is no chunk, no log and no dead letter.
    for table in ["chunks", "coverage"] {
        let paths = cluster.sql(&format!("SELECT DISTINCT path FROM {table}"));
        assert!(!paths.contains("evtx"), "{table}: {paths}");
    }
    assert_eq!(cluster.sql("SELECT count() FROM dead_letters").trim(), "0");
    again.stop();
}
