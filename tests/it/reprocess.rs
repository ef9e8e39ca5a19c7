//! New rules reach what is stored, by a job that is killed again and again; and it is taken back.

use crate::fixtures::{one_of_each, write_endpoint};
use crate::harness::{Answers, Up, cbsift, repository, text};
use crate::rule_sets::beside;
use serde_json::Value;
use simulate::Fleet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// A record of healthy logs that means nothing to the shipped rules.
const RULE: &str = "
- id: made_up_by_site
  title: { en: Something of this site, zh: 本站点的事 }
  advice: { en: [mend it], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: ['NonStart: Set pending store consistency check'] }
  tests: { match: ['NonStart: Set pending store consistency check'], no_match: [fine] }
";

fn with_a_new_rule(folder: &Path) {
    for entry in std::fs::read_dir(repository().join("config/rules")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.join("zz_site.yaml"), RULE).unwrap();
}

fn json(up: &Up, arguments: &[&str]) -> Value {
    let mut all = vec!["reprocess"];
    all.extend(arguments);
    all.extend(["--format", "json"]);
    let (status, out, err) = beside(up, &all);
    assert_eq!(status, Some(0), "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap()
}

fn told(answers: &Answers, rule: &str) -> usize {
    let findings = answers.findings.iter();
    findings
        .filter(|finding| finding.starts_with(&format!("{rule} | ")))
        .count()
}

/// Starts it and kills it after a while; whether it had ended before.
fn cut_short(up: &Up, job: &str, after: Duration) -> bool {
    let mut run = cbsift()
        .args(["reprocess", "apply", job, "--data"])
        .arg(&up.data)
        .env(
            "CBSIFT__ENGINE__LISTEN",
            up.engine.trim_start_matches("http://"),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    let has_ended = run.try_wait().unwrap().is_some();
    run.kill().unwrap();
    run.wait().unwrap();
    has_ended
}

#[test]
fn a_new_rule_reaches_what_is_stored_though_it_is_killed_and_is_taken_back() {
    let up = Up::start();
    let logs = tempfile::tempdir().unwrap();
    let plans = one_of_each(&Fleet::new(11, 200));
    let names: Vec<&str> = plans.iter().take(8).map(|plan| plan.id.as_str()).collect();
    for plan in plans.iter().take(8) {
        let folder = logs.path().join(&plan.id);
        std::fs::create_dir(&folder).unwrap();
        write_endpoint(plan, &folder);
        up.send(&[&folder], &plan.id, &[]);
    }
    up.settle();
    let answers = || -> Vec<Answers> { names.iter().map(|name| up.answers(name)).collect() };
    let before = answers();

    let rules = tempfile::tempdir().unwrap();
    with_a_new_rule(rules.path());
    let run = ["run", "--rules", rules.path().to_str().unwrap()];
    let made = json(&up, &run);
    let job = made["job"].as_str().unwrap();
    let foretold: u64 = made["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|group| group["change"] == "appears" && group["to"] == "made_up_by_site")
        .map(|group| group["count"].as_u64().unwrap())
        .sum();
    assert!(foretold > 0, "{made:#}");
    let status = json(&up, &["status", job]);
    assert_eq!(
        (&status["state"], &status["diff"]["digest"]),
        (&"planned".into(), &made["digest"])
    );
    assert_eq!(answers(), before, "nothing is changed");

    // Killed at ten moments; what is sent meanwhile is neither lost nor of other rules.
    let late = format!("{}-late", names[0]);
    for at in 0..10 {
        cut_short(&up, job, Duration::from_millis(40 * at));
        if at == 5 {
            up.send(&[&logs.path().join(names[0])], &late, &[]);
        }
    }
    let done = json(&up, &["apply", job, "--wait", "--quiet"]);
    assert_eq!(
        (&done["state"], &done["progress"]["phase"]),
        (&"applied".into(), &"done".into())
    );
    up.settle();
    let after = answers();
    let appeared: usize = after
        .iter()
        .map(|answers| told(answers, "made_up_by_site"))
        .sum();
    assert_eq!(appeared as u64, foretold);
    assert_eq!(
        told(&up.answers(&late), "made_up_by_site"),
        told(&after[0], "made_up_by_site")
    );
    assert_eq!(up.answers(&late).covered_bytes, after[0].covered_bytes);
    let again = json(&up, &run);
    assert_eq!(again["events"], serde_json::json!([]), "{again:#}");
    assert_eq!(again["findings"], serde_json::json!([]), "{again:#}");

    let back = json(&up, &["rollback", job, "--wait", "--quiet"]);
    assert_eq!(
        (&back["kind"], &back["undoes"]),
        (&"rollback".into(), &job.into())
    );
    up.settle();
    assert_eq!(answers(), before, "as if it had never been");
    assert_eq!(told(&up.answers(&late), "made_up_by_site"), 0);
    assert_eq!(json(&up, &["status", job])["state"], "rolled_back");

    // What its diff was made against is in use no more.
    let (status, _, err) = beside(&up, &["reprocess", "apply", again["job"].as_str().unwrap()]);
    assert_eq!(status, Some(1), "{err}");
    assert!(err.contains("older than the rules in use"), "{err}");
    let (status, _, err) = beside(&up, &["reprocess", "apply", "no-such-job"]);
    assert_eq!(status, Some(2), "{err}");
    let (_, listed, _) = beside(&up, &["reprocess", "jobs"]);
    assert_eq!(listed.lines().count(), 3, "{listed}");
    let (_, audit, _) = beside(&up, &["audit", "list"]);
    for action in ["reprocess.run", "reprocess.apply", "reprocess.rollback"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    let output = text(
        &cbsift()
            .args(["reprocess", "--help"])
            .output()
            .unwrap()
            .stdout,
    );
    assert!(output.contains("rollback"), "{output}");
    up.stop();
}
