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

    /// Leaves what has to be stored, and of an endpoint no more names than are kept, however many come at once.
    fn retain_new(&self, seen: &mut BTreeMap<Key<'_>, Seen>) {
        let mut added: HashMap<u64, u8> = HashMap::new();
        seen.retain(|&key, seen| {
            if !self.is_new(key, Day::of(seen.first), Day::of(seen.last)) {
                return false;
            }
            if self.names.contains_key(&key.of_name()) {
                return true;
            }
            let known = self.counts.get(&key.of_endpoint()).copied().unwrap_or(0);
            let added = added.entry(key.of_endpoint()).or_default();
            *added = added.saturating_add(1);
            known.saturating_add(*added) <= NAMES_OF_ENDPOINT
        });
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

/// When a name was seen.
#[derive(Clone, Copy)]
struct Seen {
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
    /// The same of the records that name it.
    named: (Option<LoggedAt>, Option<LoggedAt>),
}

impl Seen {
    fn add(&mut self, other: Self) {
        let earlier =
            |one: Option<LoggedAt>, two: Option<LoggedAt>| one.into_iter().chain(two).min();
        self.first = earlier(self.first, other.first);
        self.last = self.last.max(other.last);
        self.named.0 = earlier(self.named.0, other.named.0);
        self.named.1 = self.named.1.max(other.named.1);
    }
}

/// Names whose time goes on after that of another one has begun, which was not renamed into it: so several machines have them.
fn interleaving(hosts: &[(String, (i64, i64))]) -> Vec<String> {
    let overlaps = |(host, (since, until)): &&(String, (i64, i64))| {
        hosts
            .iter()
            .any(|(other, span)| other != host && *since < span.1 && span.0 < *until)
    };
    let found = hosts.iter().filter(overlaps);
    found.map(|(host, _)| host.clone()).collect()
}

/// From when to when names of endpoints were heard: `short`, one name as it is `shown`, `since` and `until`. A short name and one with its
/// domain are of one machine.
const SPANS: &str = "SELECT endpoint, lower(splitByChar('.', host)[1]) AS short, min(host) AS shown, \
       toInt64(toUnixTimestamp64Second(assumeNotNull(min(named_first)))) AS since, \
       toInt64(toUnixTimestamp64Second(assumeNotNull(max(named_last)))) AS until FROM endpoint_hosts \
     WHERE tenant = {tenant:String} AND named_first IS NOT NULL AND named_last IS NOT NULL";

/// A condition on endpoints that several machines send as, as [`Store::cloned_endpoints`] has it; `more` narrows it, by their `hosts`: triples
/// of name, since and until.
pub(crate) fn is_cloned(more: &str) -> String {
    format!(
        "endpoint IN (SELECT endpoint FROM (\
           SELECT endpoint, groupArray((short, since, until)) AS hosts FROM ({SPANS} GROUP BY endpoint, short) GROUP BY endpoint HAVING count() > 1) \
         WHERE arrayExists(one -> arrayExists(other -> other.1 != one.1 AND one.2 < other.3 AND other.2 < one.3, hosts), hosts){more})"
    )
}

/// Endpoints with several names that are read at once: they are few, as a machine is renamed once in its life.
const RENAMED_READ: u64 = 50_000;

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
        let mut seen: BTreeMap<Key<'_>, Seen> = BTreeMap::new();
        for rows in chunks {
            for (place, host) in rows.hosts.iter().enumerate() {
                let key = Key(&rows.chunk.tenant, &rows.chunk.endpoint, host);
                let is_one = rows.hosts.len() == 1;
                // Of two names the first record has the one and the last record the other.
                let named = match place {
                    _ if is_one => (rows.first, rows.last),
                    0 => (rows.first, rows.first),
                    _ => (rows.last, rows.last),
                };
                let of_chunk = Seen {
                    first: rows.first,
                    last: rows.last,
                    named,
                };
                let seen = seen.entry(key).or_insert(of_chunk);
                seen.add(of_chunk);
            }
        }
        {
            let known = self.known_hosts().lock();
            let known = known.unwrap_or_else(PoisonError::into_inner);
            known.retain_new(&mut seen);
        }
        let rows = seen.iter().map(|(&key, seen)| HostRow {
            tenant: key.0,
            endpoint: key.1,
            host: key.2,
            first: seen.first,
            last: seen.last,
            named_first: seen.named.0,
            named_last: seen.named.1,
        });
        self.insert_rows::<HostRow<'static>, _>("endpoint_hosts", rows)
            .await?;
        let known = self.known_hosts().lock();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        for (&key, seen) in &seen {
            known.note(key, Day::of(seen.first), Day::of(seen.last));
        }
        Ok(())
    }

    /// Endpoints that several machines send as, with the names of these, as far as logs show it: a name comes back after another one had
    /// taken its place.
    pub async fn cloned_endpoints(&self, tenant: &str) -> Result<BTreeMap<String, Vec<String>>> {
        self.interleaved(tenant, "").await
    }

    /// The same of one endpoint; none where one machine sends as it.
    pub async fn clones_of(&self, tenant: &str, endpoint: &str) -> Result<Vec<String>> {
        let mut clones = self.interleaved(tenant, endpoint).await?;
        Ok(clones.remove(endpoint).unwrap_or_default())
    }

    async fn interleaved(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<BTreeMap<String, Vec<String>>> {
        let rows: Vec<SpansRow> = self
            .fetch_all(
                "look for machines that send as one",
                self.page(&format!(
                    "SELECT endpoint, arraySort(groupArray((shown, since, until))) AS hosts FROM ({SPANS} \
                       AND ({{endpoint:String}} = '' OR endpoint = {{endpoint:String}}) GROUP BY endpoint, short) \
                     GROUP BY endpoint HAVING count() > 1 ORDER BY endpoint LIMIT {{limit:UInt64}}"
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("limit", RENAMED_READ),
            )
            .await?;
        let clones = rows.into_iter().map(|SpansRow { endpoint, hosts }| {
            let spans = hosts
                .into_iter()
                .map(|(host, since, until)| (host, (since, until)));
            (endpoint, interleaving(&spans.collect::<Vec<_>>()))
        });
        Ok(clones.filter(|(_, hosts)| !hosts.is_empty()).collect())
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
    named_first: Option<LoggedAt>,
    named_last: Option<LoggedAt>,
}

#[derive(Row, Deserialize)]
struct SpansRow {
    endpoint: String,
    hosts: Vec<(String, i64, i64)>,
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
    fn a_batch_of_made_up_names_is_bounded_too() {
        let names: Vec<String> = (0..300).map(|number| format!("PC-{number:03}")).collect();
        let at = LoggedAt::parse(b"2022-08-15 10:00:00");
        let one = Seen {
            first: at,
            last: at,
            named: (at, at),
        };
        let mut seen: BTreeMap<Key<'_>, Seen> = names
            .iter()
            .flat_map(|name| [(Key("t", "e", name), one), (Key("t", "f", name), one)])
            .collect();
        let mut known = KnownHosts::default();
        let day = Day::of(at);
        known.note(Key("t", "e", "PC-299"), day, day);
        known.retain_new(&mut seen);
        let of = |endpoint| seen.keys().filter(|key| key.1 == endpoint).count();
        assert_eq!(of("e"), usize::from(NAMES_OF_ENDPOINT) - 1);
        assert_eq!(of("f"), usize::from(NAMES_OF_ENDPOINT));
    }

    #[test]
    fn a_name_that_comes_back_is_another_machines_and_a_new_one_is_not() {
        let found = |hosts: &[(&str, i64, i64)]| {
            let hosts: Vec<(String, (i64, i64))> = hosts
                .iter()
                .map(|(host, since, until)| ((*host).to_owned(), (*since, *until)))
                .collect();
            interleaving(&hosts)
        };
        // Renamed, also within one second.
        assert!(found(&[("OLD", 1, 5), ("NEW", 5, 9)]).is_empty());
        assert!(found(&[("OLD", 1, 5), ("NEW", 8, 8), ("LAST", 9, 12)]).is_empty());
        assert_eq!(found(&[("A", 1, 6), ("B", 5, 9)]), ["A", "B"]);
        assert_eq!(
            found(&[("A", 1, 9), ("B", 5, 5), ("C", 3, 7)]),
            ["A", "B", "C"]
        );
        assert_eq!(
            found(&[("SETUP", 0, 1), ("A", 2, 6), ("B", 5, 9)]),
            ["A", "B"]
        );
    }

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
