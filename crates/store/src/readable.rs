//! What whoever reads with SQL may count on.

/// Tables and views for readers with clients of their own: Grafana, notebooks, scripts. The views come first, because they
/// show each identity once and nothing superseded. Our own are those that say what was done (`backfills`, `housekeeping`,
/// `migrations`), those that only derivations read (`day_inputs`, `day_parts`, and `inputs`, which held what an older build read), who may
/// speak (`tokens`, `enrolments`, `enrolment_claims`), who did what (`audit`), what comes back no more (`erasures`), and how alerts are
/// evaluated and sent (`alert_*` but for `alert_states`).
pub const READABLE: [&str; 32] = [
    "current_attempts",
    "current_events",
    "current_findings",
    "current_noise",
    "superseded",
    "alert_states",
    "aliases",
    "attempts",
    "chunks",
    "coverage",
    "dead_letters",
    "dead_units",
    "derivations",
    "endpoint_hosts",
    "endpoint_labels",
    "endpoints",
    "events",
    "events_seen",
    "findings",
    "gaps",
    "imports",
    "job_steps",
    "jobs",
    "lost_parts",
    "merged_streams",
    "news",
    "noise",
    "noise_gone",
    "noise_seen",
    "open_noise",
    "rule_sets",
    "topic_gaps",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const OWN: [&str; 15] = [
        "alert_claims",
        "alert_deliveries",
        "alert_evaluations",
        "alert_rules",
        "audit",
        "backfills",
        "day_inputs",
        "day_parts",
        "enrolment_claims",
        "enrolments",
        "erasures",
        "housekeeping",
        "inputs",
        "migrations",
        "tokens",
    ];

    #[test]
    fn every_table_and_view_but_our_own_is_readable() {
        let ddl = crate::ddl(&crate::Profile::Embedded);
        let made: BTreeSet<&str> = ddl
            .lines()
            .filter_map(|line| {
                let rest = line.strip_prefix("CREATE ")?;
                let (_, name) = rest.split_once(" IF NOT EXISTS ")?;
                name.split([' ', '(']).next()
            })
            // A materialized view holds nothing: it fills a table.
            .filter(|name| !OWN.contains(name) && !name.ends_with("_seen_view"))
            .collect();
        assert_eq!(made, BTreeSet::from(READABLE));
    }
}
