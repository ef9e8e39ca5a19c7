//! Who may do what, by token and by route; revocation at every intake; a start while the store is away.

use crate::harness::{Cluster, Role, TOKEN, ask, sha256, until};
use crate::single::text;
use kafka_harness::free_port;
use std::fs;
use std::path::PathBuf;

/// What a request shows, and what it hears from each route.
struct Row {
    what: &'static str,
    token: Option<String>,
    /// `Cbsift-Endpoint`.
    endpoint: Option<&'static str>,
    /// Of PUT and HEAD of a stream, HEAD of an import, enrolment, a page and its API.
    statuses: [u16; 6],
}

const RECORD: &str = "2024-03-05 09:12:01, Info                  CBS    Made up\r\n";
const STREAM: &str = "/v1/streams/cbs/0000000000000001";

fn import() -> String {
    format!("/v1/imports/{}", "0".repeat(64))
}

fn enrolment(number: u32, host: &str, secret: &str) -> String {
    format!(
        "{{\"machine_guid\":\"{{7C9E6679-7425-40DE-944B-{number:012X}}}\",\"host\":\"{host}\",\"token_sha256\":\"{}\"}}",
        sha256(secret)
    )
}

/// Makes a token with the command, as people do.
fn create(cluster: &Cluster, kind: &str, id: &str, more: &[&str]) -> String {
    let made = cluster
        .command("tokens")
        .args(["create", "--kind", kind, "--id", id])
        .args(more)
        .output()
        .unwrap();
    let said = text(&made.stderr);
    assert!(made.status.success(), "{said}");
    let token = text(&made.stdout).trim().to_owned();
    assert!(token.starts_with(&format!("{id}.")), "{token}");
    // Once, and nowhere else.
    assert!(!said.contains(&token) && said.contains("once"), "{said}");
    token
}

fn headers<'a>(token: Option<&str>, endpoint: Option<&'a str>) -> Vec<(&'a str, String)> {
    let token = token.map(|token| ("authorization", format!("Bearer {token}")));
    let endpoint = endpoint.map(|endpoint| ("cbsift-endpoint", endpoint.to_owned()));
    token.into_iter().chain(endpoint).collect()
}

/// The status of every route, asked in the same way.
fn statuses(intake: &str, page: &str, headers: &[(&str, String)]) -> [u16; 6] {
    [
        (
            intake,
            "PUT",
            format!("{STREAM}?offset=0"),
            RECORD.to_owned(),
        ),
        (intake, "HEAD", STREAM.to_owned(), String::new()),
        (intake, "HEAD", import(), String::new()),
        (
            intake,
            "POST",
            "/v1/enroll".to_owned(),
            enrolment(1, "PC-1", "of the matrix"),
        ),
        (page, "GET", "/".to_owned(), String::new()),
        (page, "GET", "/api/v1/overview".to_owned(), String::new()),
    ]
    .map(|(at, method, path, body)| ask(at, method, &path, headers, &body).status)
}

/// Whoever may send logs may tell of gaps in them, and nobody else.
fn gaps_status(intake: &str, headers: &[(&str, String)]) -> u16 {
    let body = r#"{"gaps":[{"source":"cbs","stream":"0000000000000001","from":900,"to":1000,"reason":"gone"}]}"#;
    ask(intake, "PUT", "/v1/gaps", headers, body).status
}

fn pages(cluster: &Cluster) -> Role {
    let mut command = cluster.command("web");
    // No line, so only tokens of the store open them.
    let file = cluster.path("readers");
    fs::write(&file, "# made up\n").unwrap();
    command.env("CBSIFT__WEB__TOKENS_FILE", file);
    Role::start("web", command, &["page", "health"])
}

fn put_status(intake: &Role, token: &str, endpoint: Option<&str>) -> u16 {
    let headers = headers(Some(token), endpoint);
    let path = format!("{STREAM}?offset=0");
    ask(intake.address("intake"), "PUT", &path, &headers, RECORD).status
}

fn becomes(intake: &Role, token: &str, status: u16) {
    until(&format!("a token is answered with {status}"), || {
        (put_status(intake, token, None) == status).then_some(())
    });
}

#[test]
fn every_kind_of_token_opens_what_it_is_for_on_every_route() {
    let mut cluster = Cluster::start();
    cluster.set("STORE__TOKENS_REFRESH", "300ms");
    let (one, other) = (cluster.ingest("ingest-1"), cluster.ingest("ingest-2"));
    let pages = pages(&cluster);
    let create = |kind: &str, id: &str, more: &[&str]| create(&cluster, kind, id, more);
    let endpoint = create("endpoint", "PC-A", &[]);
    create("endpoint", "PC-B", &[]);
    let fleet = create("fleet", "setup", &[]);
    let relay = create("relay", "gateway", &[]);
    let reader = create("reader", "ops", &[]);
    let admin = create("admin", "root", &[]);
    let expired = create("endpoint", "PC-C", &["--expires", "1ms"]);
    let revoked = create("relay", "old-gateway", &[]);
    cluster.run(&["tokens", "revoke", "old-gateway"]);
    let (_, secret) = endpoint.rsplit_once('.').unwrap();

    let row = |what, token: Option<&str>, endpoint, statuses| Row {
        what,
        token: token.map(str::to_owned),
        endpoint,
        statuses,
    };
    const DENIED: [u16; 6] = [401; 6];
    let rows = [
        row("none", None, None, DENIED),
        row("none, with a name", None, Some("PC-A"), DENIED),
        row("a wrong secret", Some("PC-A.wrong"), None, DENIED),
        row(
            "another's secret",
            Some(&format!("PC-B.{secret}")),
            None,
            DENIED,
        ),
        row("nobody's", Some("PC-Z.wrong"), None, DENIED),
        row("a secret alone", Some(secret), Some("PC-A"), DENIED),
        row("expired", Some(&expired), None, DENIED),
        row("revoked", Some(&revoked), Some("PC-A"), DENIED),
        row(
            "an endpoint's",
            Some(&endpoint),
            None,
            [200, 200, 404, 403, 401, 401],
        ),
        row(
            "an endpoint's, with its name",
            Some(&endpoint),
            Some("PC-A"),
            [200, 200, 404, 403, 401, 401],
        ),
        row(
            "for another endpoint",
            Some(&endpoint),
            Some("PC-B"),
            [403, 403, 403, 403, 401, 401],
        ),
        row(
            "a fleet's",
            Some(&fleet),
            None,
            [403, 403, 403, 200, 401, 401],
        ),
        row(
            "a fleet's, with a name",
            Some(&fleet),
            Some("PC-A"),
            [403, 403, 403, 200, 401, 401],
        ),
        row(
            "a relay's without a name",
            Some(&relay),
            None,
            [400, 400, 400, 403, 401, 401],
        ),
        row(
            "a relay's",
            Some(&relay),
            Some("PC-A"),
            [200, 200, 404, 403, 401, 401],
        ),
        row(
            "a relay's, with a bad name",
            Some(&relay),
            Some("../PC-A"),
            [400, 400, 400, 403, 401, 401],
        ),
        row(
            "of the file",
            Some(TOKEN),
            Some("PC-A"),
            [200, 200, 404, 403, 401, 401],
        ),
        row(
            "a reader's",
            Some(&reader),
            None,
            [403, 403, 403, 403, 200, 200],
        ),
        row(
            "an admin's",
            Some(&admin),
            Some("PC-A"),
            [403, 403, 403, 403, 200, 200],
        ),
    ];
    // Intakes ask for a token that they do not know; pages read all of them now and then.
    let page = pages.address("page").trim_end_matches('/');
    for token in [&reader, &admin] {
        until("the pages know their readers", || {
            let headers = headers(Some(token), None);
            (ask(page, "GET", "/", &headers, "").status == 200).then_some(())
        });
    }
    for intake in [&one, &other] {
        let intake = intake.address("intake");
        for Row {
            what,
            token,
            endpoint,
            statuses: expected,
        } in &rows
        {
            let headers = headers(token.as_deref(), *endpoint);
            assert_eq!(statuses(intake, page, &headers), *expected, "{what}");
            assert_eq!(gaps_status(intake, &headers), expected[0], "{what}");
        }
        // Of two headers, a proxy before us could mean the other one.
        let mut twice = headers(Some(&relay), Some("PC-A"));
        twice.extend(headers(Some(&endpoint), None));
        assert_eq!(statuses(intake, page, &twice), [400; 6]);
        assert_eq!(gaps_status(intake, &twice), 400);
        let mut twice = headers(Some(&relay), Some("PC-A"));
        twice.extend(headers(None, Some("PC-B")));
        assert_eq!(statuses(intake, page, &twice)[..4], [400; 4]);
        // What is refused says what to do, and nothing of what is there.
        let refused = |token: &str| {
            let headers = headers(Some(token), None);
            ask(
                intake,
                "PUT",
                &format!("{STREAM}?offset=0"),
                &headers,
                RECORD,
            )
            .body
        };
        assert_eq!(refused("PC-A.wrong"), refused("PC-Z.wrong"));
        assert_eq!(refused("PC-A.wrong"), refused(&revoked));
        assert_eq!(refused("PC-A.wrong"), refused(&expired));
        // A body again is the same again.
        let put = || {
            let headers = headers(Some(&endpoint), None);
            ask(
                intake,
                "PUT",
                &format!("{STREAM}?offset=0"),
                &headers,
                RECORD,
            )
        };
        assert_eq!((put().status, put().body), (200, put().body));
        let enroll = || {
            let headers = headers(Some(&fleet), None);
            ask(
                intake,
                "POST",
                "/v1/enroll",
                &headers,
                &enrolment(1, "PC-1", "of the matrix"),
            )
        };
        assert_eq!((enroll().status, enroll().body), (200, enroll().body));
    }
    // Whoever spoke is recorded.
    let pipeline = cluster.pipeline("pipeline");
    let senders = until("the chunks are stored", || {
        let senders = cluster
            .sql("SELECT DISTINCT sender FROM chunks WHERE endpoint = 'PC-A' ORDER BY sender");
        (senders.lines().count() == 1).then_some(senders)
    });
    assert!(
        ["endpoint:PC-A", "relay:gateway", "relay:fleet"].contains(&senders.trim()),
        "{senders}"
    );
    drop(pipeline);
}

#[test]
fn what_a_machine_may_not_say_is_told_and_changes_nothing() {
    let cluster = Cluster::start();
    let intake = cluster.ingest("ingest");
    let fleet = create(&cluster, "fleet", "setup", &[]);
    let enroll = |body: &str| {
        let headers = headers(Some(&fleet), None);
        ask(
            intake.address("intake"),
            "POST",
            "/v1/enroll",
            &headers,
            body,
        )
    };
    let good = enrolment(7, "PC-7", "seven");
    for (body, status, words) in [
        ("", 400, "machine_guid"),
        ("[]", 400, "machine_guid"),
        (&good.replace("\"host\"", "\"name\""), 400, "name"),
        (&good.replace("7C9E6679", "7C9E667"), 400, "MachineGuid"),
        (&good.replace("PC-7", " "), 400, "host"),
        (&good.replace("PC-7", &"x".repeat(300)), 400, "host"),
        (&good.replace("PC-7", &"x".repeat(5_000)), 413, "4096"),
        (&good.replace(&sha256("seven"), "seven"), 400, "hex"),
        (
            &good.replace(&sha256("seven"), &sha256("")),
            400,
            "no secret",
        ),
    ] {
        let answer = enroll(body);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body.contains(words), "{body}: {}", answer.body);
    }
    assert_eq!(cluster.sql("SELECT count() FROM enrolments").trim(), "0");

    // A machine without a secret of its own is given one, once.
    let (without, _) = good.split_once(",\"token_sha256\"").unwrap();
    let answer = enroll(&format!("{without}}}"));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let id = "7c9e6679-7425-40de-944b-000000000007";
    assert_eq!(said["endpoint"], id);
    assert_eq!(
        put_status(&intake, said["token"].as_str().unwrap(), None),
        200
    );
    // With one of its own it would be another machine, for all we know: people decide.
    let answer = enroll(&good);
    assert_eq!(answer.status, 202, "{}", answer.body);
    assert!(answer.body.contains("tokens approve"), "{}", answer.body);
    let own = format!("{id}.seven");
    assert_eq!(put_status(&intake, &own, None), 401);
    let listed = cluster
        .command("tokens")
        .args(["list", "--state", "waiting"])
        .output()
        .unwrap();
    let listed = text(&listed.stdout);
    assert!(
        listed.contains(id) && listed.contains("host PC-7"),
        "{listed}"
    );
    cluster.run(&["tokens", "approve", id, "--replace"]);
    becomes(&intake, &own, 200);
    becomes(&intake, said["token"].as_str().unwrap(), 401);
    assert_eq!(enroll(&good).status, 200);
}

#[test]
fn a_revocation_holds_at_every_intake_and_a_start_without_the_store_knows_its_tokens() {
    let mut cluster = Cluster::start();
    cluster.set("STORE__TOKENS_REFRESH", "300ms");
    // Each remembers for itself.
    let of_other = cluster.path("data-2");
    let one = cluster.ingest("ingest-1");
    let mut other = cluster.ingest_of("ingest-2", free_port(), &of_other);
    let kept = create(&cluster, "endpoint", "PC-A", &[]);
    let ended = create(&cluster, "endpoint", "PC-B", &[]);
    let passing = create(&cluster, "endpoint", "PC-C", &["--expires", "10s"]);
    let fleet = create(&cluster, "fleet", "setup", &[]);
    for intake in [&one, &other] {
        // At once: a token that an intake does not know yet it asks for.
        assert_eq!(put_status(intake, &kept, None), 200);
        assert_eq!(put_status(intake, &ended, None), 200);
    }
    cluster.run(&["tokens", "revoke", "PC-B"]);
    for intake in [&one, &other] {
        becomes(intake, &ended, 401);
        assert_eq!(put_status(intake, &kept, None), 200);
    }
    // Both new tokens are kept where a restart finds them, and no secret is.
    let cache = of_other.join("tokens-cache");
    let remembered = until("the tokens are remembered", || {
        let text = fs::read_to_string(&cache).unwrap_or_default();
        (text.contains(" PC-C ") && !text.contains(" PC-B ")).then_some(text)
    });
    for token in [&kept, &ended, &passing, &fleet] {
        let (_, secret) = token.rsplit_once('.').unwrap();
        assert!(!remembered.contains(secret));
    }

    let port = other
        .address("intake")
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    other.kill();
    // It enrols here, and the other intake cannot ask any more.
    let headers_of_fleet = headers(Some(&fleet), None);
    let late = enrolment(2, "PC-2", "two");
    let at_one = one.address("intake");
    let answer = ask(at_one, "POST", "/v1/enroll", &headers_of_fleet, &late);
    assert_eq!(answer.status, 200, "{}", answer.body);
    cluster.engine.kill();
    let late = "7c9e6679-7425-40de-944b-000000000002.two";
    assert_eq!(put_status(&one, late, None), 200);
    let other = cluster.ingest_of("ingest-2", port, &of_other);
    for intake in [&one, &other] {
        assert_eq!(put_status(intake, &kept, None), 200);
        // What is not known may be good: only the store can say, and a sender ends on 401. One was told a moment ago that it is not.
        let status = put_status(intake, &ended, None);
        let is_told = std::ptr::eq(intake, &one) && status == 401;
        assert!(status == 503 || is_told, "{status}");
        // Its time ends also where nobody can be asked.
        becomes(intake, &passing, 503);
        let headers = headers(Some(&fleet), None);
        let answer = ask(
            intake.address("intake"),
            "POST",
            "/v1/enroll",
            &headers,
            &enrolment(1, "PC-1", "one"),
        );
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
        let age = intake.metrics()["cbsift_tokens_age_seconds"];
        assert!(age > 0.0, "{age}");
    }
    let headers_of_late = headers(Some(late), None);
    let path = format!("{STREAM}?offset=0");
    let at_other = other.address("intake");
    let answer = ask(at_other, "PUT", &path, &headers_of_late, RECORD);
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    cluster.restart_engine();
    becomes(&other, late, 200);
    becomes(&other, &ended, 401);
    until("machines enrol again", || {
        let headers = headers(Some(&fleet), None);
        let answer = ask(
            other.address("intake"),
            "POST",
            "/v1/enroll",
            &headers,
            &enrolment(1, "PC-1", "one"),
        );
        (answer.status == 200).then_some(())
    });
    // What a fleet token let in ends together, and nothing else does.
    cluster.run(&["tokens", "revoke", "--made-by", "fleet:setup"]);
    for intake in [&one, &other] {
        becomes(intake, late, 401);
        assert_eq!(put_status(intake, &kept, None), 200);
    }
}

#[test]
fn a_token_file_is_read_again_and_a_broken_one_changes_nothing() {
    let cluster = Cluster::start();
    let file: PathBuf = cluster.path("tokens");
    let intake = cluster.ingest("ingest");
    let line = |id: &str, secret: &str| format!("endpoint {id} sha256:{}\n", sha256(secret));
    let status = |token: &str| put_status(&intake, token, None);
    assert_eq!((status("PC-A.first"), status("PC-A.second")), (401, 401));
    fs::write(&file, line("PC-A", "first")).unwrap();
    intake.signal("-HUP");
    becomes(&intake, "PC-A.first", 200);
    fs::write(
        &file,
        format!("{}endpoint PC-A nonsense\n", line("PC-A", "second")),
    )
    .unwrap();
    intake.signal("-HUP");
    intake.says("line 2: expected `sha256:`");
    assert_eq!((status("PC-A.first"), status("PC-A.second")), (200, 401));
    fs::write(&file, line("PC-A", "second")).unwrap();
    intake.signal("-HUP");
    becomes(&intake, "PC-A.second", 200);
    becomes(&intake, "PC-A.first", 401);
}
