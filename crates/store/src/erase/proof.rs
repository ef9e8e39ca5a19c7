//! The search over all that is stored.

use super::{Column, Erasing, names::mention};
use crate::{StoreError, error::Result, store::Store};
use std::collections::BTreeMap;

/// Rows of a column that still name a machine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// How many rows.
    pub rows: u64,
}

impl Store {
    /// Looks for the names of a machine in every column of every table that can hold text, of its tenant and of all others. Says how many
    /// columns were searched, and where a name was found. Takes as long as reading the store does.
    pub async fn search_erased(
        &self,
        of: &Erasing,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<(usize, Vec<Found>)> {
        let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
        for column in self.columns().await?.into_iter().filter(Column::is_text) {
            tables.entry(column.table.clone()).or_default().push(column);
        }
        let (mut searched, mut found) = (0, Vec::new());
        for (table, columns) in &tables {
            progress(table);
            searched += columns.len();
            let mut rows = vec![0; columns.len()];
            // One partition at a time, so that nothing takes longer than a month's rows do.
            let partitions: Vec<String> = self
                .fetch_all(
                    "list the partitions of a table",
                    self.sql(&format!("SELECT DISTINCT _partition_id FROM {table}")),
                )
                .await?;
            let counts: Vec<String> = columns
                .iter()
                .map(|column| format!("countIf({})", mention(&format!("`{}`", column.name))))
                .collect();
            let sql = format!(
                "SELECT [{}] FROM {table} WHERE _partition_id = {{partition:String}}",
                counts.join(", ")
            );
            for partition in partitions {
                let query = of
                    .ask(self.sql(&sql))
                    .param("partition", partition.as_str())
                    .with_setting("max_execution_time", "0");
                // For as long as it takes: the text of a month of a large fleet.
                let of_partition: Vec<u64> = query
                    .fetch_one()
                    .await
                    .map_err(|error| StoreError::new(format!("search `{table}`"), error))?;
                for (sum, more) in rows.iter_mut().zip(of_partition) {
                    *sum += more;
                }
            }
            let named = columns.iter().zip(rows).filter(|(_, rows)| *rows > 0);
            found.extend(named.map(|(column, rows)| Found {
                table: table.clone(),
                column: column.name.clone(),
                rows,
            }));
        }
        Ok((searched, found))
    }

    /// Parts on the disk that others have replaced, which the engine takes away by itself within minutes: what was in them is still there.
    pub async fn replaced_parts(&self) -> Result<u64> {
        self.fetch_one(
            "count replaced parts",
            self.sql("SELECT count() FROM system.parts WHERE database = currentDatabase() AND NOT active"),
        )
        .await
    }
}
