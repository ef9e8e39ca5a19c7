//! Machines that were erased: the notes by which nothing of them comes back, without their names.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

/// Changes when something is erased.
pub type ErasuresMark = (u64, u64);

/// As far ahead of UTC as any clock on earth may be: what a machine logged before it was erased may say so much more.
const AHEAD_MS: i64 = 14 * 3_600_000;

/// Longest key that is read: what is longer no build of ours made.
const KEY_MAX: usize = 128;

/// What was erased, as it was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasures {
    /// By tenant and key: kind and hash, and until when.
    by_key: BTreeMap<(String, String), HashMap<(String, String), i64>>,
}

/// A name of a machine that is erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erased<'a> {
    /// The id of an endpoint.
    Id(&'a str),
    /// Another name that stood for it, in any case.
    Name(&'a str),
}

impl Erased<'_> {
    fn kind(self) -> &'static str {
        match self {
            Self::Id(_) => "id",
            Self::Name(_) => "name",
        }
    }

    /// The hash under a key.
    pub fn hash(self, key: &str) -> String {
        let name = match self {
            Self::Id(id) => id.to_owned(),
            Self::Name(name) => name.to_lowercase(),
        };
        let mut sha = Sha256::new();
        for part in [key, self.kind(), &name] {
            // With its length, so that no two are the same bytes.
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part.as_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in sha.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

impl Erasures {
    fn add(&mut self, row: ErasureRow) {
        if row.key.len() > KEY_MAX {
            return;
        }
        let of_key = self.by_key.entry((row.tenant, row.key)).or_default();
        of_key.insert((row.kind, row.name), row.until);
    }

    /// Whether nothing was erased.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The key that a tenant's erasures have, if there are some.
    pub fn key(&self, tenant: &str) -> Option<&str> {
        let mut keys = self.by_key.keys().filter(|(of, _)| of == tenant);
        keys.next().map(|(_, key)| key.as_str())
    }

    /// Until when, in UTC milliseconds, what comes under a name is refused; nothing where it was not erased.
    pub fn until(&self, tenant: &str, name: &str) -> Option<i64> {
        let of_tenant = self.by_key.iter().filter(|((of, _), _)| of == tenant);
        of_tenant
            .flat_map(|((_, key), names)| {
                [Erased::Id(name), Erased::Name(name)].map(|erased| {
                    let of = (erased.kind().to_owned(), erased.hash(key));
                    names.get(&of).copied()
                })
            })
            .flatten()
            .max()
    }

    /// Whether a chunk is of the time before: it was received before, or its first record was logged before, as far as any clock may tell.
    /// What has no time is refused.
    pub fn refuses(until_ms: i64, received_ms: i64, first: Option<event::LoggedAt>) -> bool {
        let is_logged_before = first
            .is_none_or(|first| first.0.saturating_mul(1_000) < until_ms.saturating_add(AHEAD_MS));
        received_ms < until_ms || is_logged_before
    }
}

impl Store {
    /// Changes when something is erased.
    pub async fn erasures_mark(&self) -> Result<ErasuresMark> {
        self.fetch_one(
            "look whether something was erased",
            self.sql("SELECT count(), groupBitXor(cityHash64(tenant, key, kind, name, until)) FROM erasures FINAL"),
        )
        .await
    }

    /// What was erased, in all tenants.
    pub async fn erasures(&self) -> Result<Erasures> {
        let rows: Vec<ErasureRow> = self
            .fetch_all(
                "read what was erased",
                self.sql("SELECT ?fields FROM erasures FINAL ORDER BY tenant, key, kind, name"),
            )
            .await?;
        let mut erasures = Erasures::default();
        rows.into_iter().for_each(|row| erasures.add(row));
        Ok(erasures)
    }

    /// Notes that what was logged by a machine before a time is refused from now on.
    pub async fn put_erasures(
        &self,
        tenant: &str,
        key: &str,
        names: &[Erased<'_>],
        until_ms: i64,
    ) -> Result<()> {
        let rows = names.iter().map(|name| ErasureRow {
            tenant: tenant.to_owned(),
            key: key.to_owned(),
            kind: name.kind().to_owned(),
            name: name.hash(key),
            until: until_ms,
        });
        self.insert_rows::<ErasureRow, _>("erasures", rows).await
    }
}

#[derive(Row, Clone, Serialize, Deserialize)]
struct ErasureRow {
    tenant: String,
    key: String,
    kind: String,
    name: String,
    until: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::LoggedAt;

    #[test]
    fn names_are_known_again_and_stand_nowhere() {
        let mut erasures = Erasures::default();
        for name in [Erased::Id("PC-1"), Erased::Name("Host.made-up.example")] {
            erasures.add(ErasureRow {
                tenant: "t".to_owned(),
                key: "k".to_owned(),
                kind: name.kind().to_owned(),
                name: name.hash("k"),
                until: 5,
            });
        }
        for (tenant, name, is_known) in [
            ("t", "PC-1", true),
            // An id in another case is another machine, another name is not.
            ("t", "pc-1", false),
            ("t", "HOST.made-up.example", true),
            ("u", "PC-1", false),
        ] {
            assert_eq!(
                erasures.until(tenant, name).is_some(),
                is_known,
                "{tenant} {name}"
            );
        }
        assert_eq!(erasures.key("t"), Some("k"));
        let said = format!("{erasures:?}").to_lowercase();
        assert!(!said.contains("pc-1") && !said.contains("host."), "{said}");
        assert_ne!(Erased::Id("a").hash("k"), Erased::Id("a").hash("l"));
    }

    #[test]
    fn what_is_of_before_is_refused_wherever_its_clock_stood() {
        let until = 1_700_000_000_000;
        let second = |ms: i64| Some(LoggedAt(ms / 1_000));
        // Sent again after: its records tell.
        assert!(Erasures::refuses(until, until + 1, second(until - 1_000)));
        assert!(Erasures::refuses(
            until,
            until + 1,
            second(until + AHEAD_MS - 1_000)
        ));
        assert!(!Erasures::refuses(
            until,
            until + 1,
            second(until + AHEAD_MS)
        ));
        // Read again from Kafka, whatever its clock said.
        assert!(Erasures::refuses(
            until,
            until - 1,
            second(until + 10 * AHEAD_MS)
        ));
        assert!(Erasures::refuses(until, until + 1, None));
    }
}
