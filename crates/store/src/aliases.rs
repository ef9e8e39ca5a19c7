//! Other names of endpoints, and which names their streams have under the endpoint that is meant.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::StreamId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use xxhash_rust::xxh3::xxh3_64;

/// A name that stands for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// As it is written.
    pub alias: String,
    /// What it stands for.
    pub endpoint: String,
    /// How it is compared, and whether it was an endpoint.
    pub kind: AliasKind,
    /// Whether it stands.
    pub state: AliasState,
    /// When that was last changed, in UTC milliseconds.
    pub changed_ms: i64,
    /// By whom.
    pub by: String,
}

/// What an alias is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AliasKind {
    /// A host name, an FQDN, a MachineGuid, the name of a bundle: compared without regard to case.
    Name,
    /// The id of an endpoint that was merged into another one.
    Merged,
}

/// What became of an alias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AliasState {
    /// It stands, and what was stored under it is being moved.
    Merging,
    /// It stands.
    Active,
    /// It was taken away.
    Removed,
}

impl AliasKind {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Merged => "merged",
        }
    }
}

impl AliasState {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Merging => "merging",
            Self::Active => "active",
            Self::Removed => "removed",
        }
    }
}

/// Changes when a name begins or ceases to stand for something.
pub type AliasesMark = (u64, u64);

/// What every name stands for, as it was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aliases {
    /// By tenant and id.
    merged: HashMap<(String, String), BTreeSet<String>>,
    /// By tenant and name in lower case.
    named: HashMap<(String, String), BTreeSet<String>>,
    is_merging: bool,
}

/// Longest way from a name to its endpoint: each hop is a merge that somebody ordered.
const HOPS_MAX: usize = 16;

impl Aliases {
    /// Of rows; those that were taken away stand for nothing.
    pub fn new<'a>(tenant: &str, rows: impl IntoIterator<Item = &'a Alias>) -> Self {
        let mut aliases = Self::default();
        for row in rows {
            aliases.add(tenant, row);
        }
        aliases
    }

    fn add(&mut self, tenant: &str, row: &Alias) {
        if row.state == AliasState::Removed {
            return;
        }
        self.is_merging |= row.state == AliasState::Merging;
        let (map, name) = match row.kind {
            AliasKind::Merged => (&mut self.merged, row.alias.clone()),
            AliasKind::Name => (&mut self.named, row.alias.to_lowercase()),
        };
        map.entry((tenant.to_owned(), name))
            .or_default()
            .insert(row.endpoint.clone());
    }

    /// Whether no name stands for anything.
    pub fn is_empty(&self) -> bool {
        self.merged.is_empty() && self.named.is_empty()
    }

    /// Whether what was stored under some name is being moved.
    pub fn is_merging(&self) -> bool {
        self.is_merging
    }

    /// The endpoints on the way from a name to the one that it stands for, which is the last; none where it stands for itself. A way
    /// that forks or comes back to itself leads nowhere: nobody guesses.
    pub fn way(&self, tenant: &str, name: &str) -> Vec<&str> {
        let mut way: Vec<&str> = Vec::new();
        let mut at = name;
        while let Some(next) = self.next(tenant, at) {
            if next == name || way.contains(&next) || way.len() >= HOPS_MAX {
                return Vec::new();
            }
            way.push(next);
            at = next;
        }
        way
    }

    fn next(&self, tenant: &str, name: &str) -> Option<&str> {
        let claimed = self.claimed(tenant, name)?;
        let mut endpoints = claimed.iter();
        match (endpoints.next(), endpoints.next()) {
            (Some(one), None) if one != name => Some(one),
            _ => None,
        }
    }

    fn claimed(&self, tenant: &str, name: &str) -> Option<&BTreeSet<String>> {
        let merged = self.merged.get(&(tenant.to_owned(), name.to_owned()));
        merged.or_else(|| self.named.get(&(tenant.to_owned(), name.to_lowercase())))
    }

    /// Names that several endpoints claim, and so stand for none of them.
    pub fn disputed(&self) -> BTreeMap<&str, Vec<&str>> {
        let all = self.merged.iter().chain(&self.named);
        all.filter(|(_, endpoints)| endpoints.len() > 1)
            .map(|((_, name), endpoints)| {
                let endpoints = endpoints.iter().map(String::as_str);
                (name.as_str(), endpoints.collect())
            })
            .collect()
    }
}

/// Which name a stream of an alias has under its endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedStream {
    /// Owner.
    pub tenant: String,
    /// The alias.
    pub endpoint: String,
    /// As its sender names it.
    pub stream: StreamId,
    /// What the alias stands for.
    pub into_endpoint: String,
    /// The stream's name there.
    pub into_stream: StreamId,
    /// As if it had come under that endpoint.
    pub is_exact: bool,
}

/// The name under another endpoint of a stream whose start nobody knows; statements reckon it too, see `merge.rs`.
pub fn renamed_stream(into: &str, stream: StreamId) -> StreamId {
    StreamId(xxh3_64(format!("{into}\0{}", stream.0).as_bytes()))
}

/// Rows of one answer.
const ROWS_READ: u64 = 50_000;

/// What the start of a log takes of its chunks: the smallest are a line.
const START_CHUNKS: u64 = 200;

impl Store {
    /// Changes when names do.
    pub async fn aliases_mark(&self) -> Result<AliasesMark> {
        self.fetch_one(
            "look whether names of endpoints have changed",
            self.sql(
                "SELECT count(), groupBitXor(cityHash64(tenant, alias, endpoint, version)) FROM aliases FINAL",
            ),
        )
        .await
    }

    /// What every name stands for, in all tenants.
    pub async fn standing_aliases(&self) -> Result<Aliases> {
        let mut aliases = Aliases::default();
        let mut last = (String::new(), String::new(), String::new());
        loop {
            let rows: Vec<AliasRow> = self
                .fetch_all(
                    "read the names of endpoints",
                    self.sql(
                        "SELECT ?fields FROM aliases FINAL WHERE state != 'removed' \
                           AND (tenant, alias, endpoint) > ({tenant:String}, {alias:String}, {endpoint:String}) \
                         ORDER BY tenant, alias, endpoint LIMIT {limit:UInt64}",
                    )
                    .param("tenant", last.0.as_str())
                    .param("alias", last.1.as_str())
                    .param("endpoint", last.2.as_str())
                    .param("limit", ROWS_READ),
                )
                .await?;
            let is_last = (rows.len() as u64) < ROWS_READ;
            if let Some(row) = rows.last() {
                last = (row.tenant.clone(), row.alias.clone(), row.endpoint.clone());
            }
            for row in rows {
                let tenant = row.tenant.clone();
                if let Some(alias) = row.into_alias() {
                    aliases.add(&tenant, &alias);
                }
            }
            if is_last {
                return Ok(aliases);
            }
        }
    }

    /// Names that stand for an endpoint of a tenant, or for all of them where none is named; those that were taken away are left out.
    pub async fn aliases(&self, tenant: &str, endpoint: &str) -> Result<Vec<Alias>> {
        let rows: Vec<AliasRow> = self
            .fetch_all(
                "list the names of endpoints",
                self.sql(
                    "SELECT ?fields FROM aliases FINAL WHERE tenant = {tenant:String} AND state != 'removed' \
                       AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) ORDER BY endpoint, alias LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("limit", ROWS_READ),
            )
            .await?;
        Ok(rows.into_iter().filter_map(AliasRow::into_alias).collect())
    }

    /// Sets what a name stands for; what changes nothing is not written. Of two writers at once the row becomes what one of them said.
    pub async fn put_alias(&self, tenant: &str, alias: &Alias) -> Result<()> {
        let known: Option<AliasRow> = self
            .fetch_optional(
                "read the name of an endpoint",
                self.sql(
                    "SELECT ?fields FROM aliases FINAL \
                     WHERE tenant = {tenant:String} AND alias = {alias:String} AND endpoint = {endpoint:String}",
                )
                .param("tenant", tenant)
                .param("alias", &alias.alias)
                .param("endpoint", &alias.endpoint),
            )
            .await?;
        let before = known.as_ref().map_or(0, |row| row.version);
        let is_same = |row: AliasRow| {
            (row.kind.as_str(), row.state.as_str()) == (alias.kind.name(), alias.state.name())
        };
        if known.is_some_and(is_same) {
            return Ok(());
        }
        let row = AliasRow {
            tenant: tenant.to_owned(),
            alias: alias.alias.clone(),
            endpoint: alias.endpoint.clone(),
            kind: alias.kind.name().to_owned(),
            state: alias.state.name().to_owned(),
            changed: alias.changed_ms,
            by: alias.by.clone(),
            version: crate::labels::next_version(before, alias.state.name()),
        };
        self.insert_rows::<AliasRow, _>("aliases", std::iter::once(row))
            .await
    }

    /// Which name a stream of an alias has under an endpoint, where that is known.
    pub async fn merged_stream(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        into_endpoint: &str,
    ) -> Result<Option<StreamId>> {
        let found: Option<u64> = self
            .fetch_optional(
                "read the new name of a stream",
                self.sql(
                    "SELECT into_stream FROM merged_streams FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                       AND stream = {stream:UInt64} AND into_endpoint = {into:String}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0)
                .param("into", into_endpoint),
            )
            .await?;
        Ok(found.map(StreamId))
    }

    /// How the senders of an alias name a stream of its endpoint.
    pub async fn stream_before_merge(
        &self,
        tenant: &str,
        endpoint: &str,
        into_endpoint: &str,
        into_stream: StreamId,
    ) -> Result<Option<StreamId>> {
        let found: Option<u64> = self
            .fetch_optional(
                "read the old name of a stream",
                self.sql(
                    "SELECT stream FROM merged_streams FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                       AND into_endpoint = {into:String} AND into_stream = {stream:UInt64} ORDER BY stream LIMIT 1",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("into", into_endpoint)
                .param("stream", into_stream.0),
            )
            .await?;
        Ok(found.map(StreamId))
    }

    /// Remembers which names streams have; again, they are the same rows.
    pub async fn put_merged_streams(&self, streams: &[MergedStream]) -> Result<()> {
        let rows = streams.iter().map(|stream| MergedStreamRow {
            tenant: stream.tenant.clone(),
            endpoint: stream.endpoint.clone(),
            stream: stream.stream.0,
            into_endpoint: stream.into_endpoint.clone(),
            into_stream: stream.into_stream.0,
            exact: stream.is_exact.into(),
        });
        self.insert_rows::<MergedStreamRow, _>("merged_streams", rows)
            .await
    }

    /// The texts at the start of a stream, without a hole from its first byte on, and how they are laid out; nothing where the start is
    /// not held. At least `bytes` of source, where there are so many.
    pub async fn start_of_stream(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        bytes: u64,
    ) -> Result<Option<(String, Vec<String>)>> {
        let rows: Vec<(u64, u64, String, String)> = self
            .fetch_all(
                "read the start of a log",
                self.sql(
                    "SELECT offset, length, toString(format) AS format, text FROM chunks \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream = {stream:UInt64} \
                       AND (offset = 0 OR offset < {bytes:UInt64}) \
                     ORDER BY offset, length DESC, content_hash LIMIT 1 BY offset LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0)
                .param("bytes", bytes)
                .param("limit", START_CHUNKS),
            )
            .await?;
        let (mut end, mut texts, mut layout) = (0, Vec::new(), None);
        for (offset, length, format, text) in rows {
            if offset != end {
                continue;
            }
            end = offset + length;
            layout.get_or_insert(format);
            texts.push(text);
        }
        Ok(layout.map(|format| (format, texts)))
    }
}

#[derive(Row, Clone, Serialize, Deserialize)]
struct AliasRow {
    tenant: String,
    alias: String,
    endpoint: String,
    kind: String,
    state: String,
    changed: i64,
    by: String,
    version: u64,
}

impl AliasRow {
    /// Nothing where a newer build wrote a word this one does not know.
    fn into_alias(self) -> Option<Alias> {
        let kinds = [AliasKind::Name, AliasKind::Merged];
        let states = [AliasState::Merging, AliasState::Active, AliasState::Removed];
        Some(Alias {
            kind: kinds.into_iter().find(|kind| kind.name() == self.kind)?,
            state: states
                .into_iter()
                .find(|state| state.name() == self.state)?,
            alias: self.alias,
            endpoint: self.endpoint,
            changed_ms: self.changed,
            by: self.by,
        })
    }
}

#[derive(Row, Serialize)]
struct MergedStreamRow {
    tenant: String,
    endpoint: String,
    stream: u64,
    into_endpoint: String,
    into_stream: u64,
    exact: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(name: &str, endpoint: &str, kind: AliasKind, state: AliasState) -> Alias {
        Alias {
            alias: name.to_owned(),
            endpoint: endpoint.to_owned(),
            kind,
            state,
            changed_ms: 0,
            by: String::new(),
        }
    }

    #[test]
    fn a_name_leads_to_one_endpoint_or_nowhere() {
        use AliasKind::{Merged, Name};
        use AliasState::{Active, Merging, Removed};
        let rows = [
            alias("PC-7.made-up.example", "pc-7", Name, Active),
            alias("OLD", "pc-7", Merged, Merging),
            alias("older", "OLD", Merged, Active),
            alias("gone", "pc-7", Name, Removed),
            alias("both", "pc-1", Name, Active),
            alias("both", "pc-2", Name, Active),
            alias("a", "b", Merged, Active),
            alias("b", "a", Merged, Active),
        ];
        let aliases = Aliases::new("t", &rows);
        assert_eq!(aliases.way("t", "pc-7.MADE-UP.example"), ["pc-7"]);
        assert_eq!(aliases.way("t", "older"), ["OLD", "pc-7"]);
        // An id is no name: another case is another machine.
        for nowhere in ["old", "gone", "both", "a", "pc-7", "unheard-of"] {
            assert!(aliases.way("t", nowhere).is_empty(), "{nowhere}");
        }
        assert!(aliases.way("another", "OLD").is_empty());
        assert_eq!(
            aliases.disputed(),
            BTreeMap::from([("both", vec!["pc-1", "pc-2"])])
        );
        assert!(aliases.is_merging() && !aliases.is_empty());
        assert!(Aliases::new("t", &rows[3..4]).is_empty());
    }
}
