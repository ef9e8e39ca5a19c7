//! A ClickHouse client from elsewhere; no answer without the token.

use crate::fixtures::CUT_RECORD;
use crate::harness::{Up, get, get_as, repository, request, text};
use std::process::Command;

const SCRIPT: &str = r#"
import sys, clickhouse_connect
from urllib.parse import urlparse
address = urlparse(sys.argv[1])
def connect(password):
    return clickhouse_connect.get_client(host=address.hostname, port=address.port, username="cbsift", password=password, database="cbsift")
client = connect(sys.argv[2])
tables = {row[0] for row in client.query("SHOW TABLES").result_rows}
assert {"chunks", "events", "attempts", "findings", "coverage"} <= tables, tables
print(client.query("SELECT uniqExact(id) FROM events").result_rows[0][0], client.query("SELECT sum(length) FROM chunks FINAL").result_rows[0][0])
try:
    connect("wrong")
    sys.exit("answered without the token")
except Exception as error:
    assert "401" in str(error) or "516" in str(error), error
"#;

#[test]
fn a_clickhouse_client_lists_tables_and_counts_and_gets_401_without_the_token() {
    let up = Up::start();
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    up.send(&[&log], "pc-1", &[]);
    up.settle();
    let python = repository().join(".cache/venv/bin/python");
    assert!(
        python.is_file(),
        "no Python environment at {}\nhint: make test-tools",
        python.display()
    );
    let output = Command::new(python)
        .args(["-c", SCRIPT, &up.engine, &up.reader_token()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout).trim(),
        format!("2 {}", CUT_RECORD.len())
    );

    assert_eq!(get(&format!("{}/?query=SELECT%201", up.engine)).0, 401);
    assert_eq!(
        get_as(&format!("{}/?query=SELECT%201", up.engine), Some("wrong")).0,
        401
    );
    assert_eq!(
        get_as(
            &format!("{}/?query=SELECT%201", up.engine),
            Some(&up.reader_token())
        ),
        (200, "1\n".to_owned())
    );
    // The intake's token opens no store, and who presents it hears which one does.
    let (status, said) = get_as(
        &format!("{}/?query=SELECT%201", up.engine),
        Some(&up.token()),
    );
    assert_eq!(status, 401);
    assert!(
        said.contains("the intake's token") && said.contains("reader-token"),
        "{said}"
    );
    // A reader's token sends nothing, and reads nothing of this machine.
    let import = format!("{}/v1/imports/{}", up.intake, "0".repeat(64));
    assert_eq!(request("HEAD", &import, Some(&up.reader_token())).0, 401);
    let (status, said) = get_as(
        &format!("{}/?query=SELECT%20file('/etc/hostname')", up.engine),
        Some(&up.reader_token()),
    );
    assert_eq!(status, 403, "{said}");
    assert_eq!(request("HEAD", &import, None).0, 401);
    assert_eq!(request("HEAD", &import, Some("wrong")).0, 401);
    up.stop();
}
