//! What people say of endpoints: a name, a site, a model, a ring, a group, and labels of their own. None of it changes an identity.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// A label of an endpoint: its name and its value.
pub type Label = (String, String);

/// Labels of endpoints, by endpoint and by label.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// Labels that an endpoint may have: what a person oversees, with room.
pub const LABELS_OF_ENDPOINT: usize = 16;

/// A label that is set, or taken away where its value is empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelChange {
    /// Whose.
    pub endpoint: String,
    /// Which.
    pub label: String,
    /// What it becomes.
    pub value: String,
}

/// How many endpoints have which value of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelValues {
    /// The label.
    pub label: String,
    /// Values with their endpoints, by value; as many as a list to choose from can show.
    pub values: Vec<(String, u64)>,
}

/// Labels and values that a page offers.
const LABELS_OFFERED: u64 = 16;
const VALUES_OFFERED: u64 = 200;

/// Ids of one question: some 10 KiB of a statement, of which the store takes 256 KiB.
pub(crate) const IDS_ASKED: usize = 256;

/// From so many endpoints on all labels are read, and not those of each.
const ASKS_FOR_ALL: usize = 4_096;

/// Rows of one answer: some 5 MB.
const ROWS_READ: u64 = 50_000;

/// Rows of one INSERT.
const ROWS_PUT: usize = 100_000;

impl Store {
    /// Labels of some endpoints.
    pub async fn labels_of(&self, tenant: &str, endpoints: &BTreeSet<&str>) -> Result<Labels> {
        let rows = self.label_rows(tenant, endpoints).await?;
        let mut labels = Labels::new();
        for row in rows.into_iter().filter(|row| !row.value.is_empty()) {
            let of_endpoint = labels.entry(row.endpoint).or_default();
            of_endpoint.insert(row.label, row.value);
        }
        Ok(labels)
    }

    /// Sets labels and takes some away. The last of several changes of one label counts; what changes nothing is not written. Of two writers
    /// at once each label becomes what one of them said.
    pub async fn put_labels(
        &self,
        tenant: &str,
        changes: &[LabelChange],
        by: &str,
        at_ms: i64,
    ) -> Result<()> {
        let endpoints = changes.iter().map(|change| change.endpoint.as_str());
        let known = self.label_rows(tenant, &endpoints.collect()).await?;
        let known: BTreeMap<(&str, &str), (&str, u64)> = known
            .iter()
            .map(|row| {
                let key = (row.endpoint.as_str(), row.label.as_str());
                (key, (row.value.as_str(), row.version))
            })
            .collect();
        let last: BTreeMap<(&str, &str), &str> = changes
            .iter()
            .map(|change| {
                let key = (change.endpoint.as_str(), change.label.as_str());
                (key, change.value.as_str())
            })
            .collect();
        let rows: Vec<LabelRow> = last
            .into_iter()
            .filter_map(|((endpoint, label), value)| {
                let (before, version) = known.get(&(endpoint, label)).copied().unwrap_or_default();
                (before != value).then(|| LabelRow {
                    tenant: tenant.to_owned(),
                    label: label.to_owned(),
                    endpoint: endpoint.to_owned(),
                    value: value.to_owned(),
                    changed: at_ms,
                    by: by.to_owned(),
                    version: next_version(version, value),
                })
            })
            .collect();
        for rows in rows.chunks(ROWS_PUT) {
            self.insert_rows::<LabelRow, _>("endpoint_labels", rows.iter().cloned())
                .await?;
        }
        Ok(())
    }

    /// Labels that endpoints have, with how many have which value.
    pub async fn label_values(&self, tenant: &str) -> Result<Vec<LabelValues>> {
        // A label that is on every machine by another value, as names are, is nothing to choose from.
        let rows: Vec<(String, String, u64)> = self
            .fetch_all(
                "count the endpoints of each label",
                self.page(
                    "SELECT label, value, count() AS endpoints FROM endpoint_labels FINAL \
                     WHERE tenant = {tenant:String} AND value != '' AND label != 'name' AND label IN (\
                       SELECT label FROM endpoint_labels FINAL WHERE tenant = {tenant:String} AND value != '' \
                       GROUP BY label ORDER BY count() DESC, label LIMIT {labels:UInt64}) \
                     GROUP BY label, value ORDER BY label, endpoints DESC, value LIMIT {values:UInt64} BY label",
                )
                .param("tenant", tenant)
                .param("labels", LABELS_OFFERED)
                .param("values", VALUES_OFFERED),
            )
            .await?;
        let mut labels: Vec<LabelValues> = Vec::new();
        for (label, value, endpoints) in rows {
            match labels.last_mut() {
                Some(last) if last.label == label => last.values.push((value, endpoints)),
                _ => labels.push(LabelValues {
                    label,
                    values: vec![(value, endpoints)],
                }),
            }
        }
        for label in &mut labels {
            label.values.sort_unstable();
        }
        Ok(labels)
    }

    /// Endpoints with a value of a label, at most `limit`.
    pub async fn labelled_endpoints(
        &self,
        tenant: &str,
        (label, value): &Label,
        limit: usize,
    ) -> Result<Vec<String>> {
        self.fetch_all(
            "list the endpoints of a label",
            self.sql(
                "SELECT endpoint FROM endpoint_labels FINAL \
                 WHERE tenant = {tenant:String} AND label = {label:String} AND value = {value:String} \
                 ORDER BY endpoint LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("label", label)
            .param("value", value)
            .param("limit", limit as u64),
        )
        .await
    }

    /// Which of some ids are of endpoints that have sent logs, have enrolled or have a token.
    pub async fn known_endpoints(
        &self,
        tenant: &str,
        endpoints: &BTreeSet<&str>,
    ) -> Result<BTreeSet<String>> {
        const KNOWN: &str = "SELECT DISTINCT endpoint FROM (\
             SELECT endpoint FROM endpoints WHERE tenant = {tenant:String} \
             UNION ALL SELECT id AS endpoint FROM tokens WHERE tenant = {tenant:String} AND kind = 'endpoint')";
        let mut known = BTreeSet::new();
        if endpoints.len() < ASKS_FOR_ALL {
            let endpoints: Vec<&str> = endpoints.iter().copied().collect();
            for ids in endpoints.chunks(IDS_ASKED) {
                let sql = format!("{KNOWN} WHERE endpoint IN {{ids:Array(String)}}");
                let query = self.sql(&sql).param("tenant", tenant).param("ids", ids);
                known.extend(self.fetch_all("look for endpoints", query).await?);
            }
            return Ok(known);
        }
        let mut after = String::new();
        loop {
            let sql = format!(
                "{KNOWN} WHERE endpoint > {{after:String}} ORDER BY endpoint LIMIT {{limit:UInt64}}"
            );
            let query = self
                .sql(&sql)
                .param("tenant", tenant)
                .param("after", after.as_str())
                .param("limit", ROWS_READ);
            let rows: Vec<String> = self
                .fetch_all("read which endpoints there are", query)
                .await?;
            let is_last = (rows.len() as u64) < ROWS_READ;
            if let Some(last) = rows.last() {
                after.clone_from(last);
            }
            let asked = |id: &String| endpoints.contains(id.as_str());
            known.extend(rows.into_iter().filter(asked));
            if is_last {
                return Ok(known);
            }
        }
    }

    /// Takes away what is known of an endpoint: its line in the lists, its host names and labels. Its logs stay until their days are over,
    /// and its tokens are the caller's to end; a machine that sends again is there again.
    pub async fn forget_endpoint(&self, tenant: &str, endpoint: &str) -> Result<()> {
        for table in ["endpoint_labels", "endpoint_hosts", "endpoints"] {
            let query = self
                .sql(&format!(
                    "ALTER TABLE {table} DELETE WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}}"
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .with_setting("mutations_sync", "1");
            self.execute_query("forget an endpoint", query).await?;
        }
        Ok(())
    }

    /// Rows of some endpoints, those that were taken away too.
    async fn label_rows(
        &self,
        tenant: &str,
        endpoints: &BTreeSet<&str>,
    ) -> Result<Vec<FoundLabel>> {
        if endpoints.len() >= ASKS_FOR_ALL {
            let mut rows = self.all_label_rows(tenant).await?;
            rows.retain(|row| endpoints.contains(row.endpoint.as_str()));
            return Ok(rows);
        }
        let endpoints: Vec<&str> = endpoints.iter().copied().collect();
        let mut rows = Vec::new();
        for ids in endpoints.chunks(IDS_ASKED) {
            let query = self
                .sql("SELECT ?fields FROM endpoint_labels FINAL WHERE tenant = {tenant:String} AND endpoint IN {ids:Array(String)}")
                .param("tenant", tenant)
                .param("ids", ids);
            rows.extend(self.fetch_all::<FoundLabel>("read labels", query).await?);
        }
        Ok(rows)
    }

    async fn all_label_rows(&self, tenant: &str) -> Result<Vec<FoundLabel>> {
        let mut all: Vec<FoundLabel> = Vec::new();
        loop {
            let (label, endpoint) = all
                .last()
                .map_or(("", ""), |row| (row.label.as_str(), row.endpoint.as_str()));
            let query = self
                .sql(
                    "SELECT ?fields FROM endpoint_labels FINAL WHERE tenant = {tenant:String} AND label >= {label:String} \
                       AND (label, endpoint) > ({label:String}, {endpoint:String}) \
                     ORDER BY label, endpoint LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("label", label)
                .param("endpoint", endpoint)
                .param("limit", ROWS_READ);
            let rows: Vec<FoundLabel> = self.fetch_all("read labels", query).await?;
            let is_last = (rows.len() as u64) < ROWS_READ;
            all.extend(rows);
            if is_last {
                return Ok(all);
            }
        }
    }
}

/// The version of a value that takes the place of another one: one more change, and a tie falls by the value.
pub(crate) fn next_version(before: u64, value: &str) -> u64 {
    const HASH_BITS: u32 = 16;
    let hash = xxh3_64(value.as_bytes()) >> (64 - HASH_BITS);
    ((before >> HASH_BITS) + 1) << HASH_BITS | hash
}

#[derive(Row, Clone, Serialize)]
struct LabelRow {
    tenant: String,
    label: String,
    endpoint: String,
    value: String,
    changed: i64,
    by: String,
    version: u64,
}

#[derive(Row, Deserialize)]
struct FoundLabel {
    label: String,
    endpoint: String,
    value: String,
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_change_wins_and_a_tie_falls_by_the_value_alone() {
        let first = next_version(0, "pilot");
        assert_eq!(first, next_version(0, "pilot"));
        assert_ne!(first, next_version(0, "broad"));
        for value in ["", "pilot", "broad"] {
            assert!(next_version(first, value) > first);
            assert!(next_version(first, value) > next_version(0, value));
        }
    }
}
