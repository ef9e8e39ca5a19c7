//! Numbered table definitions: only added, never edited once released.
//!
//! Several migrators may run at once, of one build or of several, and none takes a lock, which ClickHouse has not: every statement
//! adds what is not there, or sets what no other statement sets, so their order and their repeats make no difference, and a migration
//! is noted only by who has run all of it. A test refuses statements of another kind: with the first of them a lock is needed.

use crate::{Profile, StoreError, error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A numbered template of `migrations/`.
struct Migration {
    number: u32,
    name: &'static str,
    template: &'static str,
}

macro_rules! migration {
    ($number:literal, $name:literal) => {
        Migration {
            number: $number,
            name: $name,
            template: include_str!(concat!("../migrations/", $name, ".sql")),
        }
    };
}

const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_raw"),
    migration!(2, "0002_events"),
    migration!(3, "0003_derived"),
    migration!(4, "0004_views"),
    migration!(5, "0005_rule_sets_and_dead_letters"),
    migration!(6, "0006_topic_gaps"),
    migration!(7, "0007_housekeeping"),
    migration!(8, "0008_dead_units"),
    migration!(9, "0009_inputs"),
    migration!(10, "0010_merges"),
    migration!(11, "0011_read"),
    migration!(12, "0012_day_inputs"),
    migration!(13, "0013_tokens"),
    migration!(14, "0014_endpoints"),
    migration!(15, "0015_lines"),
    migration!(16, "0016_alerts"),
    migration!(17, "0017_jobs"),
    migration!(18, "0018_aliases"),
    migration!(19, "0019_erasures"),
    migration!(20, "0020_zones"),
    migration!(21, "0021_gaps"),
    migration!(22, "0022_compact_days"),
];

/// The parameter of a statement that is run once for each month.
const MONTH: &str = "{month:UInt32}";

/// The table that says which of them ran. It cannot be a migration itself.
const MIGRATIONS_TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations {{on_cluster}}
(
    number UInt32,
    name   String,
    digest UInt64 COMMENT 'of the template, to notice an edited one'
)
ENGINE = {{engine:ReplacingMergeTree}}
ORDER BY number
SETTINGS {{table_settings}}";

/// Settings of every table. Acknowledged must survive a power cut, so inserts are synced; and equal blocks are never dropped,
/// because our identities fold repeats while the engine's block hashes also eat rows that were deleted in between.
/// Parts that a merge has replaced go after two minutes instead of eight: at full intake they would hold several times the
/// space of the data, and a kernel has written the merged part back long before (after 30 s, unless told otherwise).
const TABLE_SETTINGS: &str = "fsync_after_insert = 1, fsync_part_directory = 1, old_parts_lifetime = 120, \
    replicated_deduplication_window = 0, replicated_deduplication_window_for_async_inserts = 0";

#[derive(Row, Serialize, Deserialize, Debug, PartialEq, Eq)]
struct MigrationRow {
    number: u32,
    name: String,
    digest: u64,
}

impl Store {
    /// Brings the tables up to date; returns the names of what ran. Safe to run again, also after a run that was cut short, and
    /// beside others.
    pub async fn migrate(&self) -> Result<Vec<&'static str>> {
        self.check_one_shard().await?;
        self.execute(
            "create the table `migrations`",
            &render(MIGRATIONS_TABLE, self.profile()),
        )
        .await?;
        let done = self.migrations_done().await?;
        check_known(&done)?;
        let mut ran = Vec::new();
        for migration in MIGRATIONS {
            if done.iter().any(|row| row.number == migration.number) {
                continue;
            }
            for statement in statements(&render(migration.template, self.profile())) {
                let doing = format!("run migration `{}`", migration.name);
                match statement.contains(MONTH) {
                    true => self.execute_by_month(&doing, statement).await?,
                    false => self.execute(&doing, statement).await?,
                }
            }
            let row = MigrationRow {
                number: migration.number,
                name: migration.name.to_owned(),
                digest: digest(migration),
            };
            self.insert_rows::<MigrationRow, _>("migrations", std::iter::once(row))
                .await?;
            ran.push(migration.name);
        }
        Ok(ran)
    }

    /// Runs a statement that counts or copies what is stored once for each month of the table it reads, so that each run is bounded by a month's
    /// rows. Whoever is cut short goes on with the month it was at.
    async fn execute_by_month(&self, doing: &str, statement: &str) -> Result<()> {
        let (into, from) = tables_of(statement);
        // Of the table and not of this replica's parts: a month that it lacks would never be looked for again.
        let whole = self.clone().sequential();
        let months: Vec<u32> = whole
            .fetch_all(
                doing,
                whole
                    .sql(&format!(
                        "SELECT DISTINCT toUInt32(_partition_id) AS month FROM {from} \
                         WHERE concat({{into:String}}, ' ', _partition_id) NOT IN (SELECT name FROM backfills) ORDER BY month DESC"
                    ))
                    .param("into", into),
            )
            .await?;
        for month in months {
            let query = self
                .insertion(statement)
                .param("month", month)
                // Once, for as long as it takes; groups beyond a quarter of a GiB wait on the disk.
                .with_setting("max_execution_time", "0")
                .with_setting("max_bytes_before_external_group_by", "268435456");
            self.insert_selected_at_leisure(doing, into, query).await?;
            self.note_backfilled(&format!("{into} {month}")).await?;
        }
        Ok(())
    }

    /// Fails with a hint unless the tables are exactly those this build knows.
    pub async fn check_schema(&self) -> Result<()> {
        self.check_one_shard().await?;
        let done = self.migrations_done().await?;
        check_known(&done)?;
        let missing: Vec<&str> = MIGRATIONS
            .iter()
            .filter(|migration| done.iter().all(|row| row.number != migration.number))
            .map(|migration| migration.name)
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(StoreError::config(
            "use the store",
            format!("migrations missing: {}", missing.join(", ")),
            "run `cbsift migrate`",
        ))
    }

    async fn migrations_done(&self) -> Result<Vec<MigrationRow>> {
        self.fetch_all(
            "read the table `migrations`",
            self.sql("SELECT ?fields FROM migrations FINAL ORDER BY number"),
        )
        .await
    }
}

/// The whole definition for a profile, as one text: what `cbsift migrate --print` shows and the golden files hold.
pub fn ddl(profile: &Profile) -> String {
    let mut text = render(MIGRATIONS_TABLE, profile) + ";\n";
    for migration in MIGRATIONS {
        text.push('\n');
        text.push_str(&render(migration.template, profile));
    }
    text
}

/// Refuses a store that a newer or another build has migrated.
fn check_known(done: &[MigrationRow]) -> Result<()> {
    for row in done {
        let known = MIGRATIONS
            .iter()
            .find(|migration| migration.number == row.number);
        match known {
            None => {
                return Err(StoreError::config(
                    "use the store",
                    format!(
                        "it has migration `{}`, which this build does not know",
                        row.name
                    ),
                    "use the newer cbsift that migrated it",
                ));
            }
            Some(migration) if digest(migration) != row.digest => {
                return Err(StoreError::config(
                    "use the store",
                    format!("migration `{}` differs from the one that ran", row.name),
                    "use the build that migrated it, or start with an empty data folder",
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn digest(migration: &Migration) -> u64 {
    xxh3_64(migration.template.as_bytes())
}

/// Fills a template: `{{on_cluster}}`, `{{engine:X}}`, `{{table_settings}}`.
fn render(template: &str, profile: &Profile) -> String {
    let (on_cluster, engine) = match profile {
        Profile::Embedded => (String::new(), ""),
        Profile::Server { cluster } => (
            format!(" ON CLUSTER `{}`", cluster.replace('`', "")),
            "Replicated",
        ),
    };
    template
        .replace(" {{on_cluster}}", &on_cluster)
        .replace("{{table_settings}}", TABLE_SETTINGS)
        .replace("{{engine:", engine)
        .replace("}}", "")
}

/// The table that a statement of [`MONTH`] fills, and the one that it reads.
fn tables_of(statement: &str) -> (&'static str, &'static str) {
    const PAIRS: [(&str, &str); 3] = [
        ("events_seen", "events"),
        ("noise_seen", "noise"),
        ("day_inputs", "inputs"),
    ];
    let fills = |pair: &&(&'static str, &'static str)| {
        statement.contains(&format!("INSERT INTO {}\n", pair.0))
    };
    PAIRS.iter().find(fills).copied().unwrap_or_default()
}

/// Cuts a file into statements; comments stay with the statement below them.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn numbers_ascend_and_no_placeholder_is_left() {
        assert!(MIGRATIONS.is_sorted_by(|before, after| before.number < after.number));
        for migration in MIGRATIONS {
            assert!(
                migration
                    .name
                    .starts_with(&format!("{:04}_", migration.number))
            );
        }
        for profile in [
            Profile::Embedded,
            Profile::Server {
                cluster: "c".to_owned(),
            },
        ] {
            assert!(!ddl(&profile).contains("{{") && !ddl(&profile).contains("}}"));
        }
    }

    /// What a statement sets rather than adds; empty where it only adds what is not there. An error where it may do harm.
    ///
    /// What is set is the same however often it is set, but with two statements that set one thing the last one to run would win.
    fn sets(statement: &str) -> std::result::Result<Vec<String>, &str> {
        const ADDS: [&str; 3] = [
            "ADD COLUMN IF NOT EXISTS ",
            "ADD INDEX IF NOT EXISTS ",
            "ADD PROJECTION IF NOT EXISTS ",
        ];
        // Text that an older build still writes must outlive it: a day never reached, and a condition that never holds.
        const NEVER: &str = "MODIFY TTL greatest(keep_until, toDate('2149-06-06')) \
            DELETE WHERE keep_until < toDate('1970-01-01') SETTINGS materialize_ttl_after_modify = 0";
        let mut lines = statement
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("--"));
        let first = lines.next().unwrap_or_default();
        if first.starts_with("CREATE TABLE IF NOT EXISTS ")
            || first.starts_with("CREATE VIEW IF NOT EXISTS ")
            || first.starts_with("CREATE MATERIALIZED VIEW IF NOT EXISTS ")
        {
            return Ok(Vec::new());
        }
        // The union of a sketch with itself is the same sketch, and equal rows of `day_inputs` fold: again, it adds nothing.
        if tables_of(statement) != ("", "") && statement.contains(MONTH) {
            return Ok(Vec::new());
        }
        if let Some(view) = first.strip_prefix("CREATE OR REPLACE VIEW ") {
            let name = view.split(' ').next().unwrap_or_default();
            return Ok(vec![format!("view {name}")]);
        }
        let Some(altered) = first.strip_prefix("ALTER TABLE ") else {
            return Err(first);
        };
        let Some(table) = altered.strip_suffix(" {{on_cluster}}") else {
            return Err(first);
        };
        let mut set = Vec::new();
        for line in lines {
            if let Some(settings) = line.strip_prefix("MODIFY SETTING ") {
                for setting in settings.split(',') {
                    let name = setting.split('=').next().unwrap_or_default().trim();
                    set.push(format!("setting {table}.{name}"));
                }
            } else if line == NEVER {
                set.push(format!("TTL of {table}"));
            } else if !ADDS.iter().any(|add| line.starts_with(add)) {
                return Err(line);
            }
        }
        Ok(set)
    }

    /// What makes a lock needless: see the top of this file.
    #[test]
    fn statements_may_run_twice_and_beside_each_other() {
        let mut all_set = BTreeSet::new();
        for migration in MIGRATIONS {
            for statement in statements(migration.template) {
                match sets(statement) {
                    Ok(set) => {
                        for thing in set {
                            assert!(
                                all_set.insert(thing.clone()),
                                "{}: {thing} is set before, and an older migrator may run that again after this",
                                migration.name
                            );
                        }
                    }
                    Err(line) => panic!(
                        "{}: run twice, or beside a later migration, this may do harm, so `migrate` would need a lock: {line}",
                        migration.name
                    ),
                }
            }
        }
    }

    #[test]
    fn statements_that_do_harm_are_refused() {
        for bad in [
            "DROP TABLE events",
            "CREATE TABLE events {{on_cluster}}",
            "ALTER TABLE chunks {{on_cluster}}\n    MODIFY TTL keep_until",
            "ALTER TABLE chunks {{on_cluster}}\n    REMOVE TTL",
            "ALTER TABLE chunks {{on_cluster}}\n    ADD COLUMN IF NOT EXISTS a UInt8,\n    DROP COLUMN b",
            "ALTER TABLE chunks\n    ADD COLUMN IF NOT EXISTS a UInt8",
            "INSERT INTO news VALUES (1)",
            "TRUNCATE TABLE IF EXISTS events {{on_cluster}}",
        ] {
            assert!(sets(bad).is_err(), "{bad}");
        }
    }

    /// `UPDATE_GOLDEN=1` rewrites the files; the diff is reviewed.
    #[test]
    fn definitions_equal_the_golden_files() {
        for (profile, file) in [
            (Profile::Embedded, "embedded.sql"),
            (
                Profile::Server {
                    cluster: "cbsift".to_owned(),
                },
                "server.sql",
            ),
        ] {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("test_data/ddl")
                .join(file);
            let actual = ddl(&profile);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &actual).expect("the golden folder is writable");
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                actual == expected,
                "{} differs; UPDATE_GOLDEN=1 rewrites it",
                path.display()
            );
        }
    }
}
