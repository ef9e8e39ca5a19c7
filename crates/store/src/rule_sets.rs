//! Published rule sets: what a pipeline runs comes from here and from nowhere else.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// A rule set as its publisher hands it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRuleSet {
    /// Digest over texts and classifier version: what makes two sets equal.
    pub digest: String,
    /// Version of the classifier it was written for.
    pub classifier_version: u32,
    /// Who wrote it.
    pub origin: RuleSetOrigin,
    /// Name and text of each file, in the order of loading.
    pub files: Vec<(String, String)>,
}

/// A rule set as the store holds it. Invariant: never changes once published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSet {
    /// Its place in the order of publications: the greatest one is what pipelines run.
    pub sequence: u32,
    /// What it is.
    pub set: NewRuleSet,
}

/// Who wrote a rule set. A restart of `up` replaces only what a build had brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleSetOrigin {
    /// It came with a build.
    Shipped,
    /// A site published it.
    Site,
}

impl RuleSetOrigin {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Site => "site",
        }
    }

    /// Back from [`RuleSetOrigin::name`]. A word of a newer build counts as a site's: it must not be replaced unasked.
    pub fn from_name(name: &str) -> Self {
        if name == Self::Shipped.name() {
            Self::Shipped
        } else {
            Self::Site
        }
    }
}

impl Store {
    /// Sequence and digest of the newest rule set: cheap enough to ask every few seconds.
    pub async fn rule_set(&self) -> Result<Option<(u32, String)>> {
        self.fetch_optional(
            "read the newest rule set",
            self.sql("SELECT sequence, digest FROM rule_sets ORDER BY sequence DESC, digest DESC LIMIT 1"),
        )
        .await
    }

    /// The newest rule set with its texts.
    pub async fn newest_rule_set(&self) -> Result<Option<RuleSet>> {
        let row: Option<StoredRuleSet> = self
            .fetch_optional(
                "read the newest rule set",
                self.sql("SELECT ?fields FROM rule_sets FINAL ORDER BY sequence DESC, digest DESC LIMIT 1"),
            )
            .await?;
        Ok(row.map(StoredRuleSet::into_set))
    }

    /// The newest rule set up to a sequence whose digest is another one than this.
    pub async fn rule_set_before(&self, sequence: u32, digest: &str) -> Result<Option<RuleSet>> {
        let row: Option<StoredRuleSet> = self
            .fetch_optional(
                "read a rule set",
                self.sql(
                    "SELECT ?fields FROM rule_sets FINAL WHERE sequence <= {sequence:UInt32} AND digest != {digest:String} \
                     ORDER BY sequence DESC, digest DESC LIMIT 1",
                )
                .param("sequence", sequence)
                .param("digest", digest),
            )
            .await?;
        Ok(row.map(StoredRuleSet::into_set))
    }

    /// Publishes a rule set as the newest one, and returns it as it then stands. A set that is the newest one already, texts
    /// and all, is not published again.
    ///
    /// Two publishers at once may be given one sequence. Then the greater digest counts for everybody, and the other one finds
    /// here that the newest set is not its own.
    pub async fn publish_rule_set(&self, set: &NewRuleSet) -> Result<RuleSet> {
        let newest = self.newest_rule_set().await?;
        let sequence = match newest {
            Some(newest) if newest.set.digest == set.digest && !newest.set.files.is_empty() => {
                return Ok(newest);
            }
            Some(newest) => newest.sequence + 1,
            None => 1,
        };
        let row = RuleSetRow {
            sequence,
            digest: &set.digest,
            classifier_version: set.classifier_version,
            origin: set.origin.name(),
            names: set.files.iter().map(|(name, _)| name.as_str()).collect(),
            texts: set.files.iter().map(|(_, text)| text.as_str()).collect(),
        };
        self.insert_rows::<RuleSetRow<'static>, _>("rule_sets", std::iter::once(row))
            .await?;
        let newest = self.newest_rule_set().await?;
        Ok(newest.unwrap_or_else(|| RuleSet {
            sequence,
            set: set.clone(),
        }))
    }
}

#[derive(Row, Serialize)]
struct RuleSetRow<'a> {
    sequence: u32,
    digest: &'a str,
    classifier_version: u32,
    origin: &'a str,
    names: Vec<&'a str>,
    texts: Vec<&'a str>,
}

#[derive(Row, Deserialize)]
struct StoredRuleSet {
    sequence: u32,
    digest: String,
    classifier_version: u32,
    origin: String,
    names: Vec<String>,
    texts: Vec<String>,
}

impl StoredRuleSet {
    fn into_set(self) -> RuleSet {
        RuleSet {
            sequence: self.sequence,
            set: NewRuleSet {
                digest: self.digest,
                classifier_version: self.classifier_version,
                origin: RuleSetOrigin::from_name(&self.origin),
                files: self.names.into_iter().zip(self.texts).collect(),
            },
        }
    }
}
