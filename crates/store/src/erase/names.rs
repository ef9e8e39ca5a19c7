//! Which names a machine has, and how they are looked for.

use crate::{error::Result, store::Store};
use clickhouse::query::Query;
use std::collections::BTreeSet;

/// The names of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErasedNames {
    /// Its id, and those of endpoints that became other names of it.
    pub ids: BTreeSet<String>,
    /// Other names that stand for it: FQDNs, names of bundles, a MachineGuid.
    pub aliases: BTreeSet<String>,
    /// Host names that stand in its logs or that it enrolled with, and what people call it, where no other machine has it too.
    pub hosts: BTreeSet<String>,
    /// Host names that another machine has too: what names these may be of that one.
    pub shared: BTreeSet<String>,
}

/// What is to be erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasing {
    /// Owner.
    pub tenant: String,
    /// What it is called.
    pub names: ErasedNames,
    /// What stands where a name was.
    pub mark: String,
    /// Who asks for it.
    pub actor: String,
    /// When, in UTC milliseconds.
    pub at_ms: i64,
}

/// Names of fewer letters are looked for where a name stands alone, and not within texts: they are words of any text.
const SHORT: usize = 3;

impl Erasing {
    /// Rows that name the machine in one of these columns; a dead letter of which nobody knows whose it is, where one of its names stands in it.
    pub(super) fn owned(&self, columns: &[&str], table: &str) -> String {
        let owners: Vec<String> = columns
            .iter()
            .map(|column| format!("{column} IN {{ids:Array(String)}}"))
            .collect();
        let owners = owners.join(" OR ");
        match table {
            "dead_letters" => {
                let content = ["key", "header_values", "payload", "message", "path"]
                    .map(mention)
                    .join(" OR ");
                format!(
                    "tenant = {{tenant:String}} AND ({owners} OR (endpoint = '' AND ({content})))"
                )
            }
            // A fleet's token may be called like a machine.
            "tokens" => format!("tenant = {{tenant:String}} AND kind = 'endpoint' AND ({owners})"),
            _ => format!("tenant = {{tenant:String}} AND ({owners})"),
        }
    }

    /// A question with the names as parameters.
    pub(super) fn ask(&self, query: Query) -> Query {
        let ids: Vec<&str> = self.names.ids.iter().map(String::as_str).collect();
        query
            .param("tenant", self.tenant.as_str())
            .param("ids", ids)
            .param("names", self.words())
            .param("named", self.pattern())
            .param("mark", format!("\\1{}\\3", self.mark))
    }

    /// Names that are looked for within texts.
    fn words(&self) -> Vec<&str> {
        let names = &self.names;
        let all = names.ids.iter().chain(&names.aliases).chain(&names.hosts);
        all.map(String::as_str)
            .filter(|name| name.chars().count() >= SHORT || names.ids.contains(*name))
            .collect()
    }

    /// Whether a name is looked for as it is written: an id is another machine's in another case, but a host name is the same in any.
    fn is_exact(&self, name: &str) -> bool {
        let lower = name.to_lowercase();
        let mut hosts = self.names.hosts.iter();
        self.names.ids.contains(name) && !hosts.any(|host| host.to_lowercase() == lower)
    }

    /// Finds a name that is no part of a longer one.
    fn pattern(&self) -> String {
        let quoted: Vec<String> = self
            .words()
            .into_iter()
            .map(|name| match self.is_exact(name) {
                true => escape(name),
                false => format!("(?i:{})", escape(name)),
            })
            .collect();
        // Before it may also stand what JSON writes for the end of a line.
        format!(
            "(^|[^0-9A-Za-z_-]|\\\\[nrtbf]|\\\\u[0-9A-Fa-f]{{4}})({})($|[^0-9A-Za-z_-])",
            quoted.join("|")
        )
    }

    /// Whether a text names the machine, as the store would find it.
    pub(super) fn words_of(&self) -> Vec<(String, bool)> {
        let words = self.words().into_iter();
        words
            .map(|name| (name.to_owned(), self.is_exact(name)))
            .collect()
    }
}

/// Letters that mean something in a pattern mean themselves.
fn escape(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_punctuation() {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// Whether a column names the machine. The first test is fast, and nearly always the only one.
pub(super) fn mention(column: &str) -> String {
    // As text whatever it is: lists and maps are written with all they hold.
    let text = format!("ifNull(toString({column}), '')");
    format!(
        "(multiSearchAnyCaseInsensitiveUTF8({text}, {{names:Array(String)}}) AND match({text}, {{named:String}}))"
    )
}

impl Store {
    /// The names of a machine.
    pub async fn names_to_erase(&self, tenant: &str, endpoint: &str) -> Result<ErasedNames> {
        let mut names = ErasedNames {
            ids: BTreeSet::from([endpoint.to_owned()]),
            ..ErasedNames::default()
        };
        // What was merged into what was merged into it, too.
        loop {
            let ids: Vec<&str> = names.ids.iter().map(String::as_str).collect();
            let rows: Vec<(String, String)> = self
                .fetch_all(
                    "read the names of an endpoint",
                    self.sql(
                        "SELECT alias, toString(kind) FROM aliases FINAL \
                         WHERE tenant = {tenant:String} AND endpoint IN {ids:Array(String)}",
                    )
                    .param("tenant", tenant)
                    .param("ids", ids),
                )
                .await?;
            let before = names.ids.len();
            for (alias, kind) in rows {
                match kind.as_str() {
                    "merged" => names.ids.insert(alias),
                    _ => names.aliases.insert(alias),
                };
            }
            if names.ids.len() == before {
                break;
            }
        }
        let ids: Vec<&str> = names.ids.iter().map(String::as_str).collect();
        const HOSTS: &str = "SELECT endpoint, host AS name FROM endpoint_hosts WHERE tenant = {tenant:String} \
             UNION ALL SELECT endpoint, host AS name FROM endpoints WHERE tenant = {tenant:String} \
             UNION ALL SELECT endpoint, named.2 AS name FROM endpoints WHERE tenant = {tenant:String} \
             UNION ALL SELECT id AS endpoint, host AS name FROM enrolments WHERE tenant = {tenant:String} \
             UNION ALL SELECT id AS endpoint, machine_guid AS name FROM enrolments WHERE tenant = {tenant:String} \
             UNION ALL SELECT endpoint, value AS name FROM endpoint_labels FINAL WHERE tenant = {tenant:String} AND label = 'name'";
        let hosts: Vec<(String, u8)> = self
            .fetch_all(
                "read the host names of an endpoint",
                self.sql(&format!(
                    "SELECT argMax(name, endpoint IN {{ids:Array(String)}}) AS one, toUInt8(max(endpoint NOT IN {{ids:Array(String)}})) AS shared \
                     FROM ({HOSTS}) WHERE name != '' GROUP BY lowerUTF8(name) HAVING max(endpoint IN {{ids:Array(String)}}) ORDER BY one"
                ))
                .param("tenant", tenant)
                .param("ids", ids),
            )
            .await?;
        for (host, is_shared) in hosts {
            match is_shared {
                0 => names.hosts.insert(host),
                _ => names.shared.insert(host),
            };
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_themselves_and_short_ones_are_no_words() {
        assert_eq!(escape("PC-1.a(b)+电脑"), "PC\\-1\\.a\\(b\\)\\+电脑");
        let erasing = Erasing {
            tenant: "t".to_owned(),
            names: ErasedNames {
                ids: ["a"].map(str::to_owned).into(),
                hosts: ["PC", "DESKTOP-1"].map(str::to_owned).into(),
                ..ErasedNames::default()
            },
            mark: "erased:0".to_owned(),
            actor: String::new(),
            at_ms: 0,
        };
        assert_eq!(erasing.words(), ["a", "DESKTOP-1"]);
        assert!(erasing.pattern().contains("(a|(?i:DESKTOP\\-1))"));
    }
}
