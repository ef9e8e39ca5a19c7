//! A year of made-up PCs, looked back at with the shipped rules: twelve patch days, six incidents, and all that is none.

mod made_up;

use crate::harness::{setting, store};
use alert::{Backtest, Firing, Rules, backtest};
use made_up::{Incident, Year};
use std::collections::{BTreeMap, BTreeSet};

/// PCs in every run; more in a longer one.
fn pcs() -> u32 {
    let wanted = std::env::var("CBSIFT_ALERT_YEAR_PCS").ok();
    wanted.map_or(400, |wanted| {
        wanted.parse().expect("CBSIFT_ALERT_YEAR_PCS is a number")
    })
}

/// What is looked for elsewhere, by the most that are left: two.
const ELSEWHERE: usize = 2;

#[tokio::test]
async fn every_incident_of_a_year_is_found_and_little_else() {
    let (store, tenant) = (store().await, "alert-year");
    let year = Year::new(pcs(), 7);
    year.put(&store, tenant).await;
    let rules = Rules::load(&Rules::shipped_files()).expect("the shipped rules are good");
    let words = [classify::Rules::shipped()];
    let begin = std::time::Instant::now();
    // Each patch day and the three behind it; every day of the year in a longer run.
    let spans = match std::env::var_os("CBSIFT_ALERT_YEAR") {
        Some(_) => vec![year.days()],
        None => year.patch_days().map(|day| (day, day + 3)).collect(),
    };
    let mut found = Backtest::default();
    for span in spans {
        let some = backtest(&store, &setting(tenant), &rules, &words, span)
            .await
            .expect("look back");
        found.days += some.days;
        found.firings.extend(some.firings);
    }
    println!(
        "{} PCs, {} tries, {} days, {} firings, in {:.0} s",
        year.pcs(),
        year.tries(),
        found.days,
        found.firings.len(),
        begin.elapsed().as_secs_f64()
    );
    let naive: BTreeSet<u16> = year.naive_days().collect();
    let mut explained = BTreeSet::new();
    for incident in &year.incidents {
        let of: Vec<(usize, &Firing)> = found
            .firings
            .iter()
            .enumerate()
            .filter(|(_, firing)| incident.is_told_by(firing))
            .collect();
        explained.extend(of.iter().map(|(at, _)| *at));
        let rules: BTreeSet<&str> = of.iter().map(|(_, firing)| firing.rule.as_str()).collect();
        let first = of.iter().map(|(_, firing)| firing.from).min();
        let of_naive = naive.range(incident.from..=incident.to).next();
        println!(
            "{}: {} PCs; found after {} by {rules:?}; share of failures over 10 %: {}",
            incident.name,
            incident.pcs.len(),
            days(incident, first),
            days(incident, of_naive.copied())
        );
        assert!(first.is_some(), "{} is not found", incident.name);
        assert!(
            rules.contains(incident.rule),
            "{}: not by {}, which is for it",
            incident.name,
            incident.rule
        );
    }
    let is_of_none = |day: &&u16| {
        let mut of = year.incidents.iter();
        !of.any(|incident| (incident.from..=incident.to).contains(*day))
    };
    println!(
        "share of failures over 10 % on {} days of no incident",
        naive.iter().filter(is_of_none).count()
    );
    let elsewhere: Vec<&Firing> = found
        .firings
        .iter()
        .enumerate()
        .filter(|(at, _)| !explained.contains(at))
        .map(|(_, firing)| firing)
        .collect();
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    for firing in &elsewhere {
        *by_rule.entry(&firing.rule).or_default() += 1;
        println!(
            "elsewhere: {} {:?} day {} to {:?}, at most {}, {:?}",
            firing.rule, firing.labels, firing.from, firing.to, firing.peak, firing.pcs
        );
    }
    assert!(elsewhere.len() <= ELSEWHERE, "{by_rule:?}");
}

fn days(incident: &Incident, found: Option<u16>) -> String {
    match found {
        Some(day) => format!("{} d", i32::from(day) - i32::from(incident.from) + 1),
        None => "never".to_owned(),
    }
}
