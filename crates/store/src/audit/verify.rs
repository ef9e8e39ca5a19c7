//! Whether the rows of the audit are those that were written, as far as their hashes tell.

use super::{AuditRow, EXPIRED, REDACTED};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Something that is wrong with the audit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A row is not what its hash says.
    Changed {
        /// Which process wrote it.
        writer: u64,
        /// Its row.
        number: u32,
    },
    /// Two rows stand at one place.
    Inserted {
        /// Which process is said to have written it.
        writer: u64,
        /// The place.
        number: u32,
    },
    /// A row is not there that another one names or follows.
    Removed {
        /// Which process wrote the row that names it.
        writer: u64,
        /// That row.
        number: u32,
    },
    /// A chain begins without naming what was there before it.
    Unlinked {
        /// Which process is said to have written it.
        writer: u64,
        /// Its first row.
        number: u32,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, writer, number) = match self {
            Self::Changed { writer, number } => ("was changed", writer, number),
            Self::Inserted { writer, number } => ("has another one beside it", writer, number),
            Self::Removed { writer, number } => {
                ("names or follows one that is missing", writer, number)
            }
            Self::Unlinked { writer, number } => (
                "names none of those before it, and is not the first",
                writer,
                number,
            ),
        };
        write!(f, "row {number} of writer {writer:016x} {what}")
    }
}

/// Processes that begin within this time may both find an empty table: a start of several roles.
const AT_ONCE_MS: i64 = 60_000;

/// Looks through all rows of a tenant, in any order, and keeps of each only what links it to others.
#[derive(Default)]
pub struct Verifier {
    chains: BTreeMap<u64, BTreeMap<u32, Vec<Seen>>>,
    /// Words of the rows that tell of rows that are gone and may be.
    expired: Vec<String>,
    /// What rows hash to that lost a name, by their hashes.
    redacted: BTreeSet<(String, String)>,
    rows: u64,
    first_at: Option<i64>,
}

struct Seen {
    at: i64,
    hash: String,
    previous: Vec<String>,
    /// What it hashes to, where that is not its hash.
    changed: Option<String>,
}

impl Verifier {
    /// One more row.
    pub fn add(&mut self, row: &AuditRow) {
        let hashed = row.hashed();
        let changed = (row.hash != hashed).then_some(hashed);
        if row.action == EXPIRED && changed.is_none() {
            self.expired.push(row.before.clone());
        }
        if row.action == REDACTED && changed.is_none() {
            let told: BTreeMap<String, String> =
                serde_json::from_str(&row.after).unwrap_or_default();
            self.redacted.extend(told);
        }
        self.rows += 1;
        self.first_at = Some(self.first_at.map_or(row.at, |first| first.min(row.at)));
        let chain = self.chains.entry(row.writer).or_default();
        chain.entry(row.number).or_default().push(Seen {
            at: row.at,
            hash: row.hash.clone(),
            previous: row.previous.clone(),
            changed,
        });
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Processes that wrote them.
    pub fn writers(&self) -> u64 {
        self.chains.len() as u64
    }

    /// What is wrong with them.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = BTreeSet::new();
        let rows = self.chains.values().flat_map(BTreeMap::values).flatten();
        let hashes: BTreeSet<&str> = rows.map(|row| row.hash.as_str()).collect();
        let is_expired = |hash: &str| {
            let quoted = format!("\"{hash}\"");
            self.expired.iter().any(|named| named.contains(&quoted))
        };
        let is_there = |hash: &String| hashes.contains(hash.as_str()) || is_expired(hash);
        let first_at = self.first_at.unwrap_or_default();
        for (&writer, chain) in &self.chains {
            let first = chain.keys().next().copied();
            for (&number, at_place) in chain {
                if at_place.len() > 1 {
                    faults.insert(Fault::Inserted { writer, number });
                }
                let before = number.checked_sub(1).and_then(|before| chain.get(&before));
                for row in at_place {
                    let is_changed = row.changed.as_ref().is_some_and(|now| {
                        let redacted = (row.hash.clone(), now.clone());
                        !self.redacted.contains(&redacted)
                    });
                    if is_changed {
                        faults.insert(Fault::Changed { writer, number });
                    }
                    let is_linked = match number {
                        1 => row.previous.iter().all(is_there),
                        // One hash, which is that of the row before it.
                        _ => match (row.previous.as_slice(), before) {
                            ([hash], Some(before)) => before.iter().any(|row| row.hash == *hash),
                            // What is too old goes from the front of a chain, never out of it, whatever a row says.
                            ([hash], None) => first == Some(number) && is_expired(hash),
                            _ => false,
                        },
                    };
                    if !is_linked {
                        faults.insert(Fault::Removed { writer, number });
                    }
                    let is_first = row.at <= first_at.saturating_add(AT_ONCE_MS);
                    if number == 1 && row.previous.is_empty() && !is_first {
                        faults.insert(Fault::Unlinked { writer, number });
                    }
                }
            }
        }
        faults.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(rows: &[AuditRow]) -> Vec<Fault> {
        let mut verifier = Verifier::default();
        rows.iter().for_each(|row| verifier.add(row));
        verifier.faults()
    }

    fn row(writer: u64, number: u32, at: i64, previous: &[&AuditRow]) -> AuditRow {
        let mut row = AuditRow {
            tenant: "default".to_owned(),
            at,
            writer,
            number,
            actor: "made up (uid 1)".to_owned(),
            action: "endpoint.label".to_owned(),
            object: "PC-1".to_owned(),
            before: String::new(),
            after: r#"{"ring":"pilot"}"#.to_owned(),
            previous: previous.iter().map(|row| row.hash.clone()).collect(),
            hash: String::new(),
        };
        row.hash = row.hashed();
        row
    }

    /// Two processes, the second of which begins after the first.
    fn whole() -> Vec<AuditRow> {
        let a = row(1, 1, 0, &[]);
        let b = row(1, 2, 10, &[&a]);
        let c = row(1, 3, 20, &[&b]);
        let d = row(2, 1, 100_000, &[&c]);
        let e = row(2, 2, 100_010, &[&d]);
        vec![a, b, c, d, e]
    }

    #[test]
    fn whole_chains_are_whole_in_any_order() {
        assert_eq!(verify(&[]), []);
        let mut rows = whole();
        assert_eq!(verify(&rows), []);
        rows.reverse();
        assert_eq!(verify(&rows), []);
    }

    #[test]
    fn every_column_that_is_changed_is_found() {
        type Change = fn(&mut AuditRow);
        let changes: [Change; 9] = [
            |row| row.tenant.push('x'),
            |row| row.at += 1,
            |row| row.actor.push('x'),
            |row| row.action.push('x'),
            |row| row.object.push('x'),
            |row| row.before.push('x'),
            |row| row.after.clear(),
            |row| row.previous.push("x".to_owned()),
            |row| row.hash.push('x'),
        ];
        for (which, change) in changes.iter().enumerate() {
            for at in 0..whole().len() {
                let mut rows = whole();
                change(&mut rows[at]);
                let (writer, number) = (rows[at].writer, rows[at].number);
                let found = verify(&rows);
                let changed = Fault::Changed { writer, number };
                assert!(found.contains(&changed), "{which} of {at}: {found:?}");
            }
        }
    }

    #[test]
    fn a_row_that_was_changed_with_its_hash_is_missed_by_the_next_one() {
        let mut rows = whole();
        rows[1].after = r#"{"ring":"broad"}"#.to_owned();
        rows[1].hash = rows[1].hashed();
        assert_eq!(
            verify(&rows),
            [Fault::Removed {
                writer: 1,
                number: 3
            }]
        );
    }

    #[test]
    fn every_row_that_is_removed_is_found_but_the_last_one() {
        for at in 0..4 {
            let mut rows = whole();
            rows.remove(at);
            assert!(!verify(&rows).is_empty(), "{at}");
        }
        let mut rows = whole();
        rows.pop();
        assert_eq!(verify(&rows), []);
    }

    #[test]
    fn a_row_put_in_between_is_found() {
        let rows = whole();
        let forged = row(1, 2, 11, &[&rows[0]]);
        let found = verify(&[rows.clone(), vec![forged]].concat());
        assert_eq!(
            found,
            [Fault::Inserted {
                writer: 1,
                number: 2
            }]
        );
        // A chain of its own names what was there, or is told apart.
        let alone = row(3, 1, 100_005, &[]);
        let found = verify(&[rows, vec![alone]].concat());
        assert_eq!(
            found,
            [Fault::Unlinked {
                writer: 3,
                number: 1
            }]
        );
    }

    #[test]
    fn rows_that_expired_are_not_missed() {
        let rows = whole();
        let mut told = row(2, 3, 100_020, &[&rows[4]]);
        told.action = EXPIRED.to_owned();
        told.before = format!(r#"{{"named":["{}"]}}"#, rows[1].hash);
        told.hash = told.hashed();
        let left = [rows[2..].to_vec(), vec![told]].concat();
        assert_eq!(verify(&left), []);
        // Not out of the middle, whoever puts a row there that says so.
        let hidden = [rows[..1].to_vec(), left.clone()].concat();
        assert_eq!(
            verify(&hidden),
            [Fault::Removed {
                writer: 1,
                number: 3
            }]
        );
        // Only those that it names.
        let fewer = left[1..].to_vec();
        assert_eq!(
            verify(&fewer),
            [Fault::Removed {
                writer: 2,
                number: 1
            }]
        );
    }

    #[test]
    fn a_row_that_lost_a_name_is_whole_where_a_row_tells_so_and_in_that_form_alone() {
        let mut rows = whole();
        let names = [("PC-1".to_owned(), true)];
        let without = rows[1].redacted("erased:0", &names);
        assert_eq!(without.hash, rows[1].hash);
        let mut told = row(2, 3, 100_020, &[&rows[4]]);
        told.action = REDACTED.to_owned();
        told.after = format!(r#"{{"{}":"{}"}}"#, rows[1].hash, without.hashed());
        told.hash = told.hashed();
        rows[1] = without;
        let changed = Fault::Changed {
            writer: 1,
            number: 2,
        };
        assert_eq!(verify(&rows), std::slice::from_ref(&changed));
        rows.push(told);
        assert_eq!(verify(&rows), []);
        rows[1].actor = "somebody else".to_owned();
        assert_eq!(verify(&rows), [changed]);
    }
}
