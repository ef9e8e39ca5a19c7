//! The engine is a process of its own: its crash is a restart, nothing is lost, and it outlives nobody.

use crate::harness::{Up, get, is_alive, signal, wait_until};
use crate::one_machine::{check, endpoints};

/// Waits until another process than `before` is the engine's.
fn wait_for_another(up: &Up, before: u32) {
    wait_until("the engine is there again", || {
        up.engine_process().is_some_and(|now| now != before)
    });
}

fn metric(up: &Up, name: &str) -> String {
    let (_, text) = get(&format!("{}/metrics", up.admin));
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name}"))
        .trim()
        .to_owned()
}

#[test]
fn an_engine_that_is_killed_in_the_middle_of_sending_loses_nothing_and_doubles_nothing() {
    let up = Up::start();
    let mut cut = 0;
    let endpoints = endpoints();
    for (endpoint, folder) in &endpoints {
        let mut sender = up.sender_under_way(folder.path(), endpoint);
        let engine = up.engine_process().expect("it runs");
        signal(engine, "KILL");
        cut += usize::from(sender.try_wait().unwrap().is_none());
        wait_for_another(&up, engine);
        // What was under way was inserted again: the sender saw no failure, or tried again itself.
        assert!(sender.wait().unwrap().success(), "{endpoint}");
    }
    assert!(cut > 0, "no kill came in the middle");
    up.settle();
    for (endpoint, folder) in &endpoints {
        check(&up, endpoint, folder.path(), "after kill -9 of the engine");
    }
    assert_eq!(
        metric(&up, "cbsift_engine_restarts_total "),
        endpoints.len().to_string()
    );
    assert_eq!(metric(&up, "cbsift_engine_confined "), "1");
    up.stop();
}

#[test]
fn pages_answer_again_after_the_engine_crashed() {
    let up = Up::start();
    let page = format!("{}api/v1/overview", up.page);
    assert_eq!(get(&page).0, 200);
    let engine = up.engine_process().expect("it runs");
    signal(engine, "ABRT");
    wait_until("the crash is over", || !is_alive(engine));
    wait_until("pages answer again", || get(&page).0 == 200);
    assert_ne!(up.engine_process(), Some(engine));
    up.settle();
    up.stop();
}

#[test]
fn only_its_parent_ends_the_engine() {
    let up = Up::start();
    let engine = up.engine_process().expect("it runs");
    // As a terminal and a service manager send them to the whole group.
    for name in ["INT", "TERM", "HUP"] {
        signal(engine, name);
    }
    assert_eq!(get(&format!("{}api/v1/overview", up.page)).0, 200);
    assert_eq!(up.engine_process(), Some(engine));
    up.stop();
    assert!(!is_alive(engine), "it ends with `up`");
}

#[test]
fn a_killed_up_leaves_nothing_that_holds_up_the_next_one() {
    // Deeper than the address of a socket may be long.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d".repeat(120));
    for _ in 0..3 {
        let up = Up::on(&data, &[]);
        let engine = up.engine_process().expect("it runs");
        drop(up);
        // At once: the next one waits for what the killed one left.
        let next = Up::on(&data, &[]);
        assert!(!is_alive(engine), "two engines on one folder");
        next.kill();
    }
}
