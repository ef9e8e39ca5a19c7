//! A set of rules: those that came with the build, and how files become one.

use crate::{
    load,
    rule::{LANGUAGE, Rule},
    trial::{self, Broken},
};
use classify::Fault;
use xxhash_rust::xxh3::Xxh3;

/// The shipped files, by subject.
const SHIPPED: [(&str, &str); 3] = [
    (
        "updates.yaml",
        include_str!("../../../config/alerts/updates.yaml"),
    ),
    (
        "causes.yaml",
        include_str!("../../../config/alerts/causes.yaml"),
    ),
    (
        "system.yaml",
        include_str!("../../../config/alerts/system.yaml"),
    ),
];

/// A set of rules. Invariant: each name once, every rule whole.
#[derive(Clone, Debug)]
pub struct Rules {
    rules: Vec<Rule>,
    digest: String,
}

impl Rules {
    /// Names and texts of the shipped files, in the order of loading.
    pub fn shipped_files() -> Vec<(String, String)> {
        SHIPPED
            .iter()
            .map(|&(name, text)| (name.to_owned(), text.to_owned()))
            .collect()
    }

    /// Loads files, each `(name, text)`; all faults at once.
    pub fn load(files: &[(String, String)]) -> Result<Self, Vec<Fault>> {
        let rules = load::load(files)?;
        let mut hash = Xxh3::new();
        hash.update(&LANGUAGE.to_le_bytes());
        for part in files.iter().flat_map(|(name, text)| [name, text]) {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Ok(Self {
            rules,
            digest: format!("{:032x}", hash.digest128()),
        })
    }

    /// What tells it from other sets.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// All rules, in the order of their files.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The set of one of them alone, for looking back: it cannot be published.
    pub fn only(&self, name: &str) -> Option<Self> {
        Some(Self {
            rules: vec![self.get(name)?.clone()],
            digest: String::new(),
        })
    }

    /// Tests of rules that do not hold.
    pub fn broken_tests(&self) -> Vec<(&Rule, Broken)> {
        let of = |rule| {
            trial::broken(rule)
                .into_iter()
                .map(move |broken| (rule, broken))
        };
        self.rules.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_rules_load_and_their_tests_hold() {
        let rules = Rules::load(&Rules::shipped_files()).unwrap_or_else(|faults| {
            panic!(
                "{}",
                faults.iter().map(|f| format!("{f}\n")).collect::<String>()
            )
        });
        let broken = rules.broken_tests();
        assert!(broken.is_empty(), "{broken:#?}");
        assert!(rules.iter().count() >= 10);
    }

    #[test]
    fn every_runbook_of_a_shipped_rule_is_there() {
        let runbooks = include_str!("../../../docs/runbooks.md");
        let headings: Vec<String> = runbooks
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .map(|heading| format!("docs/runbooks.md#{}", heading.to_lowercase()))
            .collect();
        let rules = Rules::load(&Rules::shipped_files()).unwrap();
        for rule in rules.iter().filter(|rule| !rule.runbook.is_empty()) {
            assert!(headings.contains(&rule.runbook), "{}", rule.runbook);
        }
    }

    #[test]
    fn a_digest_is_of_names_and_texts() {
        let load = |files: &[(String, String)]| Rules::load(files).unwrap().digest().to_owned();
        let shipped = Rules::shipped_files();
        let mut other = shipped.clone();
        other[0].1.push('\n');
        assert_ne!(load(&shipped), load(&other));
        assert_eq!(load(&shipped), load(&shipped.clone()));
    }
}
