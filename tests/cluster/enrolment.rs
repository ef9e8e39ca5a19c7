//! A fleet enrols at once, through two intakes, and the store is killed in between: one token each, and everybody hears the truth.

use crate::harness::{Answer, Cluster, ask, sha256, until};
use crate::single::{PATIENCE, text};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Machines that enrol; `ENROLMENTS=10000` for the size of a large site.
fn machines() -> usize {
    let asked = std::env::var("ENROLMENTS").ok();
    asked.map_or(1_000, |asked| {
        asked.parse().expect("ENROLMENTS is a number")
    })
}

const CLIENTS: usize = 50;

/// Every so many machines one asks both intakes at once, …
const TWICE: usize = 10;

/// … one has a clone, which has the same MachineGuid and another name and secret, …
const CLONED: usize = 25;

/// … and one lets the intake make its secret.
const WITHOUT: usize = 40;

/// What a machine shows, and what it heard last.
struct Enrolled {
    number: usize,
    is_clone: bool,
    token: String,
    answer: Answer,
}

fn endpoint(number: usize) -> String {
    format!("7c9e6679-7425-40de-944b-{number:012x}")
}

/// Asks until it is settled, as an agent does. The secret is of the machine, or in the answer.
fn enrol(intake: &str, fleet: &str, number: usize, is_clone: bool) -> Enrolled {
    let secret = format!("made up of {number} {is_clone}");
    let is_own = is_clone || number % WITHOUT != 1;
    let hash = match is_own {
        true => format!(",\"token_sha256\":\"{}\"", sha256(&secret)),
        false => String::new(),
    };
    let name = if is_clone { "CLONE" } else { "PC" };
    let body = format!(
        "{{\"machine_guid\":\"{}\",\"host\":\"{name}-{number}\"{hash}}}",
        endpoint(number).to_uppercase()
    );
    let headers = [("authorization", format!("Bearer {fleet}"))];
    let deadline = Instant::now() + PATIENCE * 2;
    loop {
        let answer = ask(intake, "POST", "/v1/enroll", &headers, &body);
        if answer.status != 503 {
            let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
            let token = match said["token"].as_str() {
                Some(token) => token.to_owned(),
                None => format!("{}.{secret}", endpoint(number)),
            };
            return Enrolled {
                number,
                is_clone,
                token,
                answer,
            };
        }
        assert!(answer.head.contains("retry-after: "), "{}", answer.head);
        assert!(Instant::now() < deadline, "{}", answer.body);
        // A real one waits for as long as it is told.
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_fleet_enrols_at_once_while_the_store_is_killed() {
    let machines = machines();
    let mut cluster = Cluster::start();
    cluster.set("INGEST__ENROLL_RATE", "100000");
    let (one, other) = (cluster.ingest("ingest-1"), cluster.ingest("ingest-2"));
    let made = cluster
        .command("tokens")
        .args(["create", "--kind", "fleet", "--id", "setup"])
        .output()
        .unwrap();
    let fleet = text(&made.stdout).trim().to_owned();
    let intakes = [one.address("intake"), other.address("intake")];

    let (next, heard) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (next, heard, fleet) = (&next, &heard, fleet.as_str());
        let hear = |enrolled: Enrolled| heard.lock().unwrap().push(enrolled);
        for _ in 0..CLIENTS {
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= machines {
                        return;
                    }
                    let intake = intakes[number % 2];
                    let beside = intakes[(number + 1) % 2];
                    let is_clone = number % CLONED == 0;
                    std::thread::scope(|both| {
                        if is_clone || number % TWICE == 0 && number % WITHOUT != 1 {
                            both.spawn(move || hear(enrol(beside, fleet, number, is_clone)));
                        }
                        hear(enrol(intake, fleet, number, false));
                    });
                }
            });
        }
        until("a third has enrolled", || {
            (heard.lock().unwrap().len() >= machines / 3).then_some(())
        });
        cluster.restart_engine();
    });
    eprintln!("{machines} machines in {:?}", begun.elapsed());

    // One token each, and no id twice.
    let counts = "SELECT count(), uniqExact(id), uniqExact(secret_sha256) FROM tokens FINAL \
                  WHERE state = 'active' AND kind = 'endpoint'";
    let counts = cluster.sql(counts);
    assert_eq!(counts.trim(), format!("{machines}\t{machines}\t{machines}"));

    let mut heard = heard.into_inner().unwrap();
    heard.sort_by_key(|enrolled| enrolled.number);
    let mut of_machine: BTreeMap<usize, Vec<&Enrolled>> = BTreeMap::new();
    for enrolled in &heard {
        of_machine
            .entry(enrolled.number)
            .or_default()
            .push(enrolled);
    }
    assert_eq!(of_machine.len(), machines);
    for (number, all) in of_machine {
        let mut good = 0;
        for enrolled in &all {
            let Enrolled { token, answer, .. } = enrolled;
            match answer.status {
                200 => good += 1,
                202 => {
                    // Told: a clone, or a machine whose answer was lost with the store and that keeps no secret of its own.
                    let may_wait = number % CLONED == 0 || number % WITHOUT == 1;
                    assert!(may_wait, "{number}: {}", answer.body);
                    assert!(answer.body.contains("tokens approve"), "{}", answer.body);
                }
                status => panic!("{number}: {status} {}", answer.body),
            }
            // What was said is so, and at the other intake, too, at once.
            if number % CLONED == 0 || number % TWICE == 0 || number % WITHOUT == 1 {
                let headers = [("authorization", format!("Bearer {token}"))];
                let expected = if answer.status == 200 { 404 } else { 401 };
                for intake in intakes {
                    let path = format!("/v1/imports/{}", "0".repeat(64));
                    let found = ask(intake, "HEAD", &path, &headers, "").status;
                    assert_eq!(found, expected, "{number}: {}", answer.body);
                }
            }
        }
        let is_without = number % WITHOUT == 1;
        let clones = all.iter().filter(|enrolled| enrolled.is_clone).count();
        match (is_without, clones) {
            (true, _) => assert!(good <= 1, "{number}"),
            (false, 0) => assert_eq!(good, all.len(), "{number}"),
            (false, _) => assert_eq!(good, 1, "{number}: a machine and its clone"),
        }
    }
}
