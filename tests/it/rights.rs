//! What the store's users may do, on the engine: `docker/clickhouse/users.xml` itself decides, with one of its users made the engine's own.

use crate::fixtures::CUT_RECORD;
use crate::harness::{Up, repository, text};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The part of an XML between a tag and its end.
fn inside<'a>(xml: &'a str, tag: &str) -> &'a str {
    let (_, rest) = xml.split_once(&format!("<{tag}>")).unwrap();
    rest.split_once(&format!("</{tag}>")).unwrap().0
}

/// Writes a configuration in which the engine's only user is one of ours, without its password.
fn write_config(folder: &Path, user: &str) {
    let path = repository().join("docker/clickhouse/users.xml");
    let xml = std::fs::read_to_string(path).unwrap();
    let own = inside(inside(&xml, "users"), user);
    let password = format!("<password_sha256_hex incl=\"{user}_sha256\"/>");
    assert!(own.contains(&password), "{own}");
    let users = format!(
        "<clickhouse><profiles><default/>{}</profiles><users><default>{}</default></users><quotas><default/></quotas></clickhouse>",
        inside(&xml, "profiles"),
        own.replace(&password, "<password/>")
    );
    std::fs::write(folder.join("users.xml"), users).unwrap();
    let config = format!(
        "<clickhouse><users_config>{}</users_config></clickhouse>",
        folder.join("users.xml").display()
    );
    std::fs::write(folder.join("config.xml"), config).unwrap();
}

/// What the engine says to each statement as that user.
fn ask(data: &Path, user: &str, statements: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    write_config(folder.path(), user);
    let mut engine = Command::new(repository().join(".cache/venv/bin/python"))
        .arg(repository().join("tests/it/rights.py"))
        .arg(repository().join(".cache/libchdb-26.7.3/libchdb.so"))
        .arg(data)
        .arg(folder.path().join("config.xml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}\nhint: make test-tools"));
    let lines = statements.join("\n").replace("\n\n", "\n") + "\n";
    engine
        .stdin
        .take()
        .unwrap()
        .write_all(lines.as_bytes())
        .unwrap();
    let output = engine.wait_with_output().unwrap();
    assert!(output.status.success(), "{user}");
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn check(data: &Path, user: &str, allowed: &[&str], refused: &[&str]) {
    let statements: Vec<&str> = allowed.iter().chain(refused).copied().collect();
    let said = ask(data, user, &statements);
    assert_eq!(said.len(), statements.len(), "{said:?}");
    for (at, (statement, said)) in statements.iter().zip(said).enumerate() {
        if at < allowed.len() {
            assert_eq!(said, "ok", "{user}: {statement}");
        } else {
            assert!(
                said.contains("ACCESS_DENIED"),
                "{user}: {statement}: {said}"
            );
        }
    }
}

/// One statement a line, as the script reads them; comments go.
fn tables() -> Vec<String> {
    let path = repository().join("crates/store/test_data/ddl/embedded.sql");
    let ddl = std::fs::read_to_string(path).unwrap();
    let code: String = ddl
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"))
        .map(|line| format!("{line}\n"))
        .collect();
    code.split(";\n")
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" "))
        // Statements that `migrate` runs for one month after the other.
        .map(|statement| statement.replace("{month:UInt32}", "202208"))
        .filter(|statement| !statement.is_empty())
        .collect()
}

#[test]
fn each_user_of_the_store_may_do_its_own_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (up, _) = Up::with_a_log(folder.path(), CUT_RECORD);
    let store = up.data.join("engine/data");
    up.stop();

    let parts = "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = 'cbsift'";
    let settings = "SELECT count() FROM system.settings WHERE name = 'deduplicate_insert'";
    let elsewhere = [
        "SELECT count() FROM system.users",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "CREATE USER made_up",
    ];
    let changes = [
        "CREATE TABLE cbsift.made_up (a UInt8) ENGINE = MergeTree ORDER BY a",
        "ALTER TABLE cbsift.events ADD COLUMN made_up UInt8",
        "DROP TABLE cbsift.rule_sets",
        "TRUNCATE TABLE cbsift.rule_sets",
    ];
    let views = [
        "SELECT count() FROM cbsift.current_attempts",
        "SELECT count() FROM cbsift.current_findings",
        "SELECT count() FROM cbsift.current_events SETTINGS max_execution_time = 20",
        "SELECT count() FROM cbsift.current_noise",
        parts,
        settings,
        "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = 'cbsift'",
    ];
    // ClickHouse refuses these tables to nobody, and shows each user the rows of its own tables.
    let looks = [
        "SELECT reason FROM system.detached_parts WHERE database = 'cbsift'",
        "SELECT count() FROM system.mutations WHERE database = 'cbsift'",
        "SELECT free_space FROM system.disks",
    ];
    let retention = [
        "ALTER TABLE cbsift.chunks DELETE IN PARTITION 199001 WHERE _part IN ('199001_1_1_0') AND day < toDate('1991-01-01') SETTINGS mutations_sync = 1",
        "ALTER TABLE cbsift.chunks DROP PARTITION 199001",
    ];
    let insert = "INSERT INTO cbsift.rule_sets (sequence, digest) SELECT 99, 'made up'";
    let note = "INSERT INTO cbsift.audit (tenant, at, writer, number, actor, action, object, hash) VALUES ('default', 0, 1, 1, 'made up', 'list.export', '', '')";
    check(
        &store,
        "cbsift_reader",
        &views,
        &[&elsewhere[..], &changes, &retention, &[insert, note]].concat(),
    );
    check(
        &store,
        "cbsift_web",
        &[&views[..], &[note]].concat(),
        &[&elsewhere[..], &changes, &retention, &[insert]].concat(),
    );
    check(
        &store,
        "cbsift_writer",
        &[&views[..], &retention, &looks, &[insert]].concat(),
        &[&elsewhere[..], &changes].concat(),
    );

    let empty = folder.path().join("empty");
    let tables = tables();
    assert!(tables.len() > 10, "{}", tables.len());
    let mut migrate = vec!["CREATE DATABASE IF NOT EXISTS cbsift", "USE cbsift"];
    migrate.extend(tables.iter().map(String::as_str));
    migrate.extend([
        "INSERT INTO migrations SELECT 1, 'made up', 1",
        "SELECT count() FROM migrations FINAL",
        "SELECT uniqExact(shard_num) FROM system.clusters WHERE cluster = 'cbsift'",
        "ALTER TABLE events ADD COLUMN made_up UInt8",
    ]);
    check(&empty, "cbsift_admin", &migrate, &elsewhere);
}
