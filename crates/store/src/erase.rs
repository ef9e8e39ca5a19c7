//! A machine taken out of the store: its rows go, its names go out of the rows of others that stay, and a search over all of it shows what is
//! left.
//!
//! Which tables there are is asked of the store and not of this list: one that is not in it ends the work before it begins.

mod names;
mod proof;
mod redact;

pub use names::{ErasedNames, Erasing};
pub use proof::Found;
pub(crate) use redact::is_named;

use crate::{StoreError, error::Result, store::Store};
use clickhouse::Row;
use event::Month;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Treatment {
    /// Those that name the machine in one of these columns go.
    Goes(&'static [&'static str]),
    /// They stay, without its names.
    Redacted,
    /// The same, so that the chain of hashes is whole: see `redact.rs`.
    Audited,
    /// They name no machine.
    Nameless,
}

use Treatment::{Audited, Goes, Nameless, Redacted};

/// A table and what becomes of its rows.
type Table = (&'static str, Treatment);

const OWN: Treatment = Goes(&["endpoint"]);

/// Every table. What is made of others goes before them: a work that was cut short finds the names again, which stand in the last ones.
const TABLES: [Table; 42] = [
    ("news", OWN),
    ("chunks", OWN),
    ("coverage", OWN),
    ("events", OWN),
    ("inputs", OWN),
    ("day_inputs", OWN),
    ("noise", OWN),
    ("noise_gone", OWN),
    ("open_noise", OWN),
    ("gaps", OWN),
    ("imports", OWN),
    ("dead_units", OWN),
    ("dead_letters", OWN),
    ("day_parts", OWN),
    ("attempts", OWN),
    ("findings", OWN),
    ("derivations", OWN),
    ("merged_streams", Goes(&["endpoint", "into_endpoint"])),
    ("enrolment_claims", Goes(&["id"])),
    ("tokens", Goes(&["id"])),
    ("jobs", Redacted),
    ("job_steps", Redacted),
    ("backfills", Redacted),
    ("alert_states", Redacted),
    ("alert_deliveries", Redacted),
    ("alert_evaluations", Redacted),
    ("audit", Audited),
    ("alert_claims", Nameless),
    ("alert_rules", Nameless),
    ("erasures", Nameless),
    ("events_seen", Nameless),
    ("housekeeping", Nameless),
    ("lost_parts", Nameless),
    ("migrations", Nameless),
    ("noise_seen", Nameless),
    ("rule_sets", Nameless),
    ("topic_gaps", Nameless),
    // Where the names stand.
    ("enrolments", Goes(&["id"])),
    ("endpoint_labels", OWN),
    ("endpoint_hosts", OWN),
    ("aliases", Goes(&["endpoint", "alias"])),
    ("endpoints", OWN),
];

/// A column as the store has it.
#[derive(Row, Clone, Debug, Deserialize)]
pub(crate) struct Column {
    pub(crate) table: String,
    pub(crate) name: String,
    pub(crate) kind: String,
}

impl Column {
    /// Whether it can hold a name: text, or what is made of it.
    pub(crate) fn is_text(&self) -> bool {
        self.kind.contains("String") && !self.kind.starts_with("AggregateFunction")
    }
}

/// Rows that went or lost a name, by table.
pub type ErasedRows = BTreeMap<String, u64>;

impl Store {
    /// The columns of every table that holds rows.
    pub(crate) async fn columns(&self) -> Result<Vec<Column>> {
        self.fetch_all(
            "list the tables of the store",
            self.sql(
                "SELECT table, name, type AS kind FROM system.columns WHERE database = currentDatabase() AND table IN (\
                   SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree') \
                 ORDER BY table, position",
            ),
        )
        .await
    }

    /// The columns by table, where every table is known here.
    async fn known_columns(&self) -> Result<BTreeMap<String, Vec<Column>>> {
        let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        for column in self.columns().await? {
            tables.entry(column.table.clone()).or_default().push(column);
        }
        let is_known = |table: &&String| TABLES.iter().any(|(name, _)| name == table);
        let unknown: Vec<&str> = tables
            .keys()
            .filter(|table| !is_known(table))
            .map(String::as_str)
            .collect();
        if unknown.is_empty() {
            return Ok(tables);
        }
        Err(StoreError::config(
            "erase an endpoint",
            format!("nobody knows what `{}` says of it", unknown.join("`, `")),
            "these tables are of another build or of somebody else: erase with that build, or take them out of the database",
        ))
    }

    /// How many rows of which tables are of an endpoint, or name it.
    pub async fn rows_to_erase(&self, of: &Erasing) -> Result<ErasedRows> {
        let columns = self.known_columns().await?;
        let mut rows = ErasedRows::new();
        for (table, treatment) in &TABLES {
            let count = match treatment {
                Goes(owners) => self.count_rows(of, table, &of.owned(owners, table)).await?,
                Redacted | Audited => {
                    let condition = redact::mentions(columns.get(*table));
                    self.count_rows(of, table, &condition).await?
                }
                Nameless => 0,
            };
            if count > 0 {
                rows.insert((*table).to_owned(), count);
            }
        }
        Ok(rows)
    }

    async fn count_rows(&self, of: &Erasing, table: &str, condition: &str) -> Result<u64> {
        let query = self.sql(&format!("SELECT count() FROM {table} WHERE {condition}"));
        self.fetch_one("look for rows of an endpoint", of.ask(query))
            .await
    }

    /// Takes an endpoint's rows away, and its names out of those that stay. May be cut short anywhere and begun again. Whoever stores must
    /// have heard of the erasure before, or it comes again.
    ///
    /// `progress` hears the name of each table.
    pub async fn erase(
        &self,
        of: &Erasing,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<ErasedRows> {
        let columns = self.known_columns().await?;
        // Its records are gone before a month is counted again, so whoever is cut short between leaves word which months those are.
        let mut months = self.months_counted(of).await?;
        months.extend(self.months_to_count(&of.tenant).await?);
        for &month in &months {
            self.note_recount(of, month, false).await?;
        }
        let mut rows = ErasedRows::new();
        // The names out of others first: they stand in what goes last.
        let (stay, go): (Vec<Table>, Vec<Table>) = TABLES
            .iter()
            .copied()
            .filter(|(_, treatment)| *treatment != Nameless)
            .partition(|(_, treatment)| !matches!(treatment, Goes(_)));
        for (table, treatment) in stay.into_iter().chain(go) {
            progress(table);
            let count = match treatment {
                Goes(owners) => {
                    let condition = of.owned(owners, table);
                    self.delete_where(of, table, &condition).await?
                }
                Redacted => {
                    let columns = columns.get(table).map_or(&[][..], Vec::as_slice);
                    self.redact(of, table, columns).await?
                }
                Audited => self.redact_audit(of).await?,
                Nameless => 0,
            };
            if count > 0 {
                rows.insert((*table).to_owned(), count);
            }
        }
        // What pages count of the fleet knew its records too.
        for month in months {
            progress("events_seen");
            self.recount(&of.tenant, month).await?;
            self.note_recount(of, month, true).await?;
        }
        Ok(rows)
    }

    /// Rows of an endpoint that are there although they were taken away: whoever derived it at that moment stored what it found.
    pub async fn rows_left(&self, of: &Erasing) -> Result<u64> {
        let mut left = 0;
        for (table, treatment) in &TABLES {
            if let Goes(owners) = treatment {
                left += self.count_rows(of, table, &of.owned(owners, table)).await?;
            }
        }
        Ok(left)
    }

    /// Months in whose sums the endpoint's records stand.
    async fn months_counted(&self, of: &Erasing) -> Result<BTreeSet<Month>> {
        let query = self.sql(
            "SELECT DISTINCT month FROM (\
               SELECT toYYYYMM(day) AS month FROM events WHERE tenant = {tenant:String} AND endpoint IN {ids:Array(String)} \
               UNION ALL SELECT toYYYYMM(day) AS month FROM noise WHERE tenant = {tenant:String} AND endpoint IN {ids:Array(String)})",
        );
        let months: Vec<u32> = self
            .fetch_all("list the months of an endpoint", of.ask(query))
            .await?;
        Ok(months.into_iter().map(Month::from_yyyymm).collect())
    }

    /// Deletes rows, for as long as it takes; says how many there were.
    pub(crate) async fn delete_where(
        &self,
        of: &Erasing,
        table: &str,
        condition: &str,
    ) -> Result<u64> {
        let count = self.count_rows(of, table, condition).await?;
        if count == 0 {
            return Ok(0);
        }
        let query = self
            .sql(&format!("ALTER TABLE {table} DELETE WHERE {condition}"))
            .with_setting("mutations_sync", "0");
        self.execute_query("take rows of an endpoint away", of.ask(query))
            .await?;
        self.mutations_done(table).await?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table that is made and not named here fails, and so does one that names machines and is said not to.
    #[test]
    fn every_table_is_treated_and_each_that_names_a_machine_loses_it() {
        let ddl = crate::ddl(&crate::Profile::Embedded);
        let (mut table, mut made) = ("", BTreeSet::new());
        for line in ddl.lines() {
            if line.starts_with("CREATE ") || line.starts_with("INSERT ") {
                table = "";
            }
            if let Some(rest) = line.strip_prefix("CREATE TABLE IF NOT EXISTS ") {
                table = rest.split_whitespace().next().unwrap();
                made.insert(table);
            }
            if let Some(rest) = line.strip_prefix("ALTER TABLE ") {
                table = rest.split_whitespace().next().unwrap();
            }
            let column = line.trim().trim_start_matches("ADD COLUMN IF NOT EXISTS ");
            let name = column.split_whitespace().next().unwrap_or_default();
            let is_name = [
                "endpoint",
                "host",
                "alias",
                "machine_guid",
                "pcs",
                "merged_from",
            ];
            let is_text = column.contains("String") && !column.contains("AggregateFunction(uniq");
            let names = is_name.contains(&name) || name.contains("endpoint");
            if !table.is_empty() && is_text && names {
                let of_table = TABLES.iter().find(|(known, _)| *known == table);
                // That of an engine's own machine, not of a sender's.
                let is_engine = (table, name) == ("lost_parts", "host");
                assert!(
                    is_engine || of_table.is_some_and(|(_, treatment)| *treatment != Nameless),
                    "`{table}.{name}`"
                );
            }
        }
        let known: BTreeSet<&str> = TABLES.iter().map(|(table, _)| *table).collect();
        assert_eq!(made, known);
    }

    #[test]
    fn what_names_stand_in_goes_last_and_each_table_once() {
        let names: Vec<&str> = TABLES.iter().map(|(table, _)| *table).collect();
        let once: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(once.len(), names.len());
        let at = |table: &str| names.iter().position(|name| *name == table).unwrap();
        for table in ["aliases", "endpoint_hosts", "endpoint_labels", "enrolments"] {
            assert!(
                at(table) > at("chunks") && at(table) > at("audit"),
                "{table}"
            );
        }
    }
}
