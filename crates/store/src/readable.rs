//! What whoever reads with SQL may count on.

/// Tables and views for readers with clients of their own: Grafana, notebooks, scripts. The views come first, because they
/// show each identity once and nothing superseded. Our own are those that say what was done (`backfills`, `housekeeping`,
/// `migrations`) and those that only derivations read (`inputs`, `day_parts`).
pub const READABLE: [&str; 21] = [
    "current_attempts",
    "current_events",
    "current_findings",
    "current_noise",
    "superseded",
    "attempts",
    "chunks",
    "coverage",
    "dead_letters",
    "dead_units",
    "derivations",
    "endpoints",
    "events",
    "findings",
    "imports",
    "lost_parts",
    "news",
    "noise",
    "open_noise",
    "rule_sets",
    "topic_gaps",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const OWN: [&str; 5] = [
        "backfills",
        "day_parts",
        "housekeeping",
        "inputs",
        "migrations",
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
            .filter(|name| !OWN.contains(name))
            .collect();
        assert_eq!(made, BTreeSet::from(READABLE));
    }
}
