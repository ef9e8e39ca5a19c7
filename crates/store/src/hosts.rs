//! Host names that stand in an endpoint's logs, from when to when, and those that it enrolled with.

use crate::{error::Result, rows::ChunkRows, store::Store};
use clickhouse::Row;
use event::{Day, LoggedAt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::PoisonError;
use xxhash_rust::xxh3::xxh3_64;

/// A host name of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointHost {
    /// The name.
    pub host: String,
    /// The MachineGuid with which it enrolled under this name; empty of a name that stood in logs.
    pub machine_guid: String,
    /// Since when it is known: as logged, of an enrolment in UTC.
    pub first: Option<LoggedAt>,
    /// Until when.
    pub last: Option<LoggedAt>,
}

/// Names kept of one endpoint by one process: a sender that makes up a new one in each record must not fill the store.
const NAMES_OF_ENDPOINT: u8 = 64;

/// Names that a process remembers to have stored: some 10 MB. Beyond that it forgets all, and stores each of them once more.
const REMEMBERED: usize = 262_144;

/// What was stored of host names, so that logs that go on cost no INSERT for them: once a day for each name.
#[derive(Default)]
pub(crate) struct KnownHosts {
    /// By a hash of tenant, endpoint and name: the first and the last day.
    names: HashMap<u64, (Day, Day)>,
    /// By a hash of tenant and endpoint: how many.
    counts: HashMap<u64, u8>,
}

impl KnownHosts {
    /// Whether a name of some days has to be stored.
    fn is_new(&self, key: Key<'_>, first: Day, last: Day) -> bool {
        match self.names.get(&key.of_name()) {
            Some(known) => first < known.0 || last > known.1,
            None => self
                .counts
                .get(&key.of_endpoint())
                .is_none_or(|count| *count < NAMES_OF_ENDPOINT),
        }
    }

    fn note(&mut self, key: Key<'_>, first: Day, last: Day) {
        if self.names.len() >= REMEMBERED {
            self.names.clear();
            self.counts.clear();
        }
        if let Some(known) = self.names.get_mut(&key.of_name()) {
            *known = (known.0.min(first), known.1.max(last));
            return;
        }
        self.names.insert(key.of_name(), (first, last));
        let count = self.counts.entry(key.of_endpoint()).or_default();
        *count = count.saturating_add(1);
    }
}

/// Tenant, endpoint, host name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key<'a>(&'a str, &'a str, &'a str);

impl Key<'_> {
    fn of_name(self) -> u64 {
        xxh3_64(format!("{}\0{}\0{}", self.0, self.1, self.2).as_bytes())
    }

    fn of_endpoint(self) -> u64 {
        xxh3_64(format!("{}\0{}", self.0, self.1).as_bytes())
    }
}

impl Store {
    /// Stores which names stand in some chunks, as far as that is new to this process.
    pub(crate) async fn insert_hosts(&self, chunks: &[ChunkRows]) -> Result<()> {
        let mut seen: BTreeMap<Key<'_>, (Option<LoggedAt>, Option<LoggedAt>)> = BTreeMap::new();
        for rows in chunks {
            for host in &rows.hosts {
                let key = Key(&rows.chunk.tenant, &rows.chunk.endpoint, host);
                let (first, last) = seen.entry(key).or_insert((rows.first, rows.last));
                *first = first.iter().copied().chain(rows.first).min();
                *last = (*last).max(rows.last);
            }
        }
        {
            let known = self.known_hosts().lock();
            let known = known.unwrap_or_else(PoisonError::into_inner);
            seen.retain(|&key, (first, last)| known.is_new(key, Day::of(*first), Day::of(*last)));
        }
        let rows = seen.iter().map(|(&key, &(first, last))| HostRow {
            tenant: key.0,
            endpoint: key.1,
            host: key.2,
            first,
            last,
        });
        self.insert_rows::<HostRow<'static>, _>("endpoint_hosts", rows)
            .await?;
        let known = self.known_hosts().lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        for (&key, (first, last)) in &seen {
            known.note(key, Day::of(*first), Day::of(*last));
        }
        Ok(())
    }

    /// Names of an endpoint, those seen last first.
    pub async fn hosts_of(&self, tenant: &str, endpoint: &str) -> Result<Vec<EndpointHost>> {
        let rows: Vec<FoundHost> = self
            .fetch_all(
                "read the host names of an endpoint",
                self.page(
                    "SELECT ?fields FROM (\
                       SELECT host, '' AS machine_guid, min(first) AS first, max(last) AS last FROM endpoint_hosts \
                       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY host \
                       UNION ALL \
                       SELECT host, machine_guid, min(toDateTime64(at, 0, 'UTC')) AS first, max(toDateTime64(at, 0, 'UTC')) AS last \
                       FROM enrolments WHERE tenant = {tenant:String} AND id = {endpoint:String} GROUP BY host, machine_guid) \
                     ORDER BY last DESC, host, machine_guid LIMIT {limit:UInt8}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("limit", NAMES_OF_ENDPOINT),
            )
            .await?;
        let hosts = rows.into_iter().map(|row| EndpointHost {
            host: row.host,
            machine_guid: row.machine_guid,
            first: row.first,
            last: row.last,
        });
        Ok(hosts.collect())
    }
}

#[derive(Row, Serialize)]
struct HostRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    host: &'a str,
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
}

#[derive(Row, Deserialize)]
struct FoundHost {
    host: String,
    machine_guid: String,
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_a_day_and_their_number_is_bounded() {
        let day = |text: &str| Day::of(LoggedAt::parse(text.as_bytes()));
        let (monday, tuesday) = (day("2022-08-15 10:00:00"), day("2022-08-16 10:00:00"));
        let mut known = KnownHosts::default();
        let key = Key("t", "e", "PC-1");
        assert!(known.is_new(key, monday, monday));
        known.note(key, monday, monday);
        assert!(!known.is_new(key, monday, monday));
        assert!(known.is_new(key, monday, tuesday));
        known.note(key, monday, tuesday);
        assert!(!known.is_new(key, tuesday, tuesday));
        let names: Vec<String> = (0..100).map(|number| format!("PC-{number}")).collect();
        for name in &names {
            let key = Key("t", "e", name);
            if known.is_new(key, monday, monday) {
                known.note(key, monday, monday);
            }
        }
        assert_eq!(known.names.len(), usize::from(NAMES_OF_ENDPOINT));
        assert!(known.is_new(Key("t", "other", "PC-1"), monday, monday));
    }
}
