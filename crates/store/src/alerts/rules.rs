//! Published rules of alerts: what an evaluator runs comes from here and from nowhere else.

use crate::{error::Result, rule_sets::RuleSetOrigin, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// Rules as their publisher hands them over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlertRuleSet {
    /// Digest over texts and language: what makes two sets equal.
    pub digest: String,
    /// Version of the language they are written in.
    pub language: u32,
    /// Who wrote them.
    pub origin: RuleSetOrigin,
    /// Name and text of each file, in the order of loading.
    pub files: Vec<(String, String)>,
}

/// Rules as the store holds them. Invariant: never change once published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRuleSet {
    /// Their place in the order of publications: the greatest one counts.
    pub sequence: u32,
    /// What they are.
    pub set: NewAlertRuleSet,
}

#[derive(Row, Serialize, Deserialize)]
struct SetRow {
    sequence: u32,
    digest: String,
    language: u32,
    origin: String,
    names: Vec<String>,
    texts: Vec<String>,
}

impl Store {
    /// Sequence and digest of the newest rules: cheap enough to ask at every evaluation.
    pub async fn alert_rules_mark(&self) -> Result<Option<(u32, String)>> {
        self.fetch_optional(
            "look for newer alert rules",
            self.sql("SELECT sequence, digest FROM alert_rules ORDER BY sequence DESC, digest DESC LIMIT 1"),
        )
        .await
    }

    /// The newest rules with their texts.
    pub async fn newest_alert_rules(&self) -> Result<Option<AlertRuleSet>> {
        let row: Option<SetRow> = self
            .fetch_optional(
                "read the newest alert rules",
                self.sql("SELECT ?fields FROM alert_rules FINAL ORDER BY sequence DESC, digest DESC LIMIT 1"),
            )
            .await?;
        Ok(row.map(|row| AlertRuleSet {
            sequence: row.sequence,
            set: NewAlertRuleSet {
                digest: row.digest,
                language: row.language,
                origin: RuleSetOrigin::from_name(&row.origin),
                files: row.names.into_iter().zip(row.texts).collect(),
            },
        }))
    }

    /// Publishes rules as the newest ones, and returns those that then are. Of two publishers in one moment the greater digest counts, and
    /// the other one finds here that the newest rules are not its own.
    pub async fn publish_alert_rules(&self, set: &NewAlertRuleSet) -> Result<AlertRuleSet> {
        let sequence = match self.newest_alert_rules().await? {
            Some(newest) if newest.set.digest == set.digest => return Ok(newest),
            Some(newest) => newest.sequence + 1,
            None => 1,
        };
        let (names, texts) = set.files.iter().cloned().unzip();
        let row = SetRow {
            sequence,
            digest: set.digest.clone(),
            language: set.language,
            origin: set.origin.name().to_owned(),
            names,
            texts,
        };
        self.insert_rows::<SetRow, _>("alert_rules", std::iter::once(row))
            .await?;
        let newest = self.newest_alert_rules().await?;
        Ok(newest.unwrap_or_else(|| AlertRuleSet {
            sequence,
            set: set.clone(),
        }))
    }
}
