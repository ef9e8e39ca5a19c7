//! The life of an agent: from an append to its acknowledgement, through deaths, an intake that is away, and a token that is refused.
//!
//! The same tests run with the program for Windows under Wine (`tests/windows`).

use crate::agent::{Agent, LINE, lines, streams, texts, until};
use crate::support::{ENDPOINT_TOKEN, RELAY, Server};
use ingest::{Config, SinkError};
use std::fs;
use std::path::Path;

#[test]
fn what_is_appended_is_acknowledged_whoever_dies() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    agent.append("CBS/CBS.log", &lines(0, 100));
    let checked = agent.ask(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    agent.start();
    until("the first lines", || {
        (texts(&server) == [lines(0, 100)]).then_some(())
    });
    // Killed at some moment, with more to send each time.
    let mut written = 100;
    for round in 0..8 {
        agent.append("CBS/CBS.log", &lines(written, written + 3_000));
        written += 3_000;
        if round % 2 == 0 {
            until("some of it", || {
                (server.sink.chunks().len() > round).then_some(())
            });
        }
        agent.kill();
        agent.start();
    }
    until("all lines", || {
        (texts(&server) == [lines(0, written)]).then_some(())
    });
    // The log is rotated while the agent is down, and compressed by nobody yet.
    agent.kill();
    agent.append("CBS/CBS.log", &lines(written, written + 10));
    let logs = agent.path("logs/CBS");
    fs::rename(logs.join("CBS.log"), logs.join("CbsPersist_1.log")).unwrap();
    agent.append("CBS/CBS.log", &lines(100_000, 100_010));
    agent.start();
    let all = [lines(0, written + 10), lines(100_000, 100_010)];
    until("both logs", || {
        let mut texts = texts(&server);
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        (texts == all).then_some(())
    });
    let status = until("a status that has it all", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains("CbsPersist_1.log") && !status.contains("bytes acknowledged, 1"))
            .then_some(status)
    });
    assert!(status.starts_with("running\n\nthis-machine\n"), "{status}");
    // A second agent would take the first one's checkpoint.
    let second = agent.ask(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another cbsift-agent runs"));
}

#[test]
fn an_intake_that_is_away_costs_only_lag() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let away = || SinkError::Unavailable("made up".to_owned());
    server
        .sink
        .with(|state| state.errors = (0..2).map(|_| away()).collect());
    agent.append("CBS/CBS.log", &lines(0, 10));
    agent.start();
    let waits = format!("{} wait", lines(0, 10).len());
    until("it says so", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains("503") && status.contains(&waits)).then_some(())
    });
    until("the lines", || {
        (texts(&server) == [lines(0, 10)]).then_some(())
    });
}

#[test]
fn a_token_that_is_refused_is_told_in_one_line_and_loses_nothing() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, "PC-0001.another-secret", "CBS");
    agent.append("CBS/CBS.log", LINE);
    let checked = agent.ask(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("401") && said.contains("token"), "{said}");
    assert!(!said.contains("another-secret"));
    agent.start();
    until("it says so", || agent.log().contains("401").then_some(()));
    assert!(!agent.log().contains("another-secret"));
    // Another one in its file is shown without a restart.
    fs::write(agent.path("token"), ENDPOINT_TOKEN).unwrap();
    until("the line", || (texts(&server) == [LINE]).then_some(()));
}

#[test]
fn a_body_that_is_refused_is_told_and_holds_up_no_other_log() {
    // Smaller bodies than an agent makes of a log with much to send.
    let server = Server::start(Config {
        body_max: 256 * 1024,
        ..Config::default()
    });
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let much = lines(0, 20_000);
    agent.append("CBS/CBS.log", &much);
    agent.append("CBS/CbsPersist_1.log", LINE);
    agent.start();
    until("the other log", || (texts(&server) == [LINE]).then_some(()));
    let refused = "CBS.log: bytes 0 to ";
    let status = until("a status that tells", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains(refused) && status.contains("413")).then_some(status)
    });
    let waits = format!("0 of {0} bytes acknowledged, {0} wait", much.len());
    assert!(status.contains(&waits), "{status}");
    assert_eq!(agent.log().matches(refused).count(), 1);
}

#[test]
fn each_folder_of_a_share_is_a_machine() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, RELAY, "{endpoint}/Logs/CBS/*");
    for number in 0..5 {
        agent.append(&format!("PC-{number}/Logs/CBS/CBS.log"), &lines(number, 20));
    }
    agent.append("no machine/Logs/CBS/CBS.log", LINE);
    let checked = agent.ask(&["check"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("5 machines"), "{checked:?}");
    agent.start();
    until("all machines", || {
        (streams(&server).len() == 5).then_some(())
    });
    for ((endpoint, _), text) in streams(&server) {
        let number: usize = endpoint.strip_prefix("PC-").unwrap().parse().unwrap();
        assert_eq!(text, lines(number, 20));
    }
    // One of them has a folder that leads to another one's.
    // Wine shows a link of this system as what it leads to.
    if !crate::IS_UNDER_WINE {
        fs::create_dir_all(agent.path("logs/PC-9")).unwrap();
        std::os::unix::fs::symlink(agent.path("logs/PC-0/Logs"), agent.path("logs/PC-9/Logs"))
            .unwrap();
        let checked = agent.ask(&["check"]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(said.contains("5 machines"), "{checked:?}");
    }
    assert!(until("a word about the other", || {
        let status = String::from_utf8(agent.ask(&["status", "--json"]).stdout).unwrap();
        status.contains("no machine` is no name").then_some(true)
    }));
}

#[test]
fn what_is_wrong_before_it_starts_is_a_line_and_a_code() {
    let server = Server::start(Config::default());
    let agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let path = agent.path("agent.toml");
    let good = fs::read_to_string(&path).unwrap();
    let nothing = agent.ask(&["check"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no log is there"));
    agent.append("CBS/CBS.log", LINE);
    for (from, to, code, said) in [
        (
            "intake = \"http://127.0.0.1",
            "intake = \"http://10.0.0.1",
            1,
            "in the clear",
        ),
        ("http://", "ftp://", 1, "is no address"),
        (
            "token_file = \"token\"",
            "token_file = \"none\"",
            1,
            "cannot read the token",
        ),
        ("poll = \"1s\"", "poll = \"now\"", 2, "`poll` is `now`"),
        (
            "state = \"state\"",
            "status = \"state\"",
            2,
            "unknown field `status`",
        ),
    ] {
        fs::write(&path, good.replace(from, to)).unwrap();
        let checked = agent.ask(&["check"]);
        let stderr = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    // A port where nobody listens.
    drop(server);
    fs::write(&path, good).unwrap();
    let checked = agent.ask(&["check"]);
    let stderr = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("127.0.0.1"), "{stderr}");
    // Whoever checks follows nothing.
    assert!(!Path::new(&agent.path("state/this-machine.0")).exists());
}
