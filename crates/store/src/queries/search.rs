//! What a person may mean by some words: updates, causes, objects. Machines are searched by their list.

use super::{
    Filter,
    causes::Cause,
    filter::CauseId,
    states::{Machines, Stands, States},
    told::FINDINGS,
    tries::Words,
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::Code;
use serde::Deserialize;
use std::cmp::Reverse;

/// An object that findings name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundObject {
    /// What is named.
    pub object: String,
    /// The cause that names it.
    pub cause: CauseId,
    /// Machines on which it does.
    pub endpoints: u64,
}

#[derive(Row, Deserialize)]
struct ObjectRow {
    object: String,
    category: String,
    rule: String,
    root: u32,
    endpoints: u64,
}

impl Store {
    /// Updates of the filter's days whose name holds any of some texts, those of most machines first, each with its machines by state.
    pub async fn updates_like(
        &self,
        filter: &Filter,
        texts: &[&str],
        limit: usize,
    ) -> Result<Vec<(String, Machines)>> {
        let Some((from, to)) = self.range(filter).await?.filter(|_| !texts.is_empty()) else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let (stands, mut words) = (Stands::now(&told), Words::default());
        let mut states = States::new(&told);
        self.each_machine(&told, &mut words, |words, machine| {
            states.add(&stands.of(words, machine));
        })
        .await?;
        let texts: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        let is_like = |kb: &str| {
            let kb = kb.to_ascii_lowercase();
            texts.iter().any(|text| kb.contains(text))
        };
        let mut found: Vec<(String, Machines)> = states.by_kb(&words).into_iter().collect();
        found.retain(|(kb, _)| is_like(kb));
        found.sort_by_key(|(_, machines)| Reverse(machines.tried()));
        found.truncate(limit);
        Ok(found)
    }

    /// Causes of the filter's days, those of most machines first, without how they go on: who looks for one does not wait for that.
    pub async fn causes_met(&self, filter: &Filter) -> Result<Vec<Cause>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let (words, counts) = self.counted_causes(&told).await?;
        Ok(counts.ranked(&words, &States::default(), told.now()))
    }

    /// Objects of the filter's days that hold a text, those of most machines first.
    pub async fn objects_like(
        &self,
        filter: &Filter,
        text: &str,
        limit: usize,
    ) -> Result<Vec<FoundObject>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let sql = format!(
            "SELECT toString(named) AS object, toString(category) AS category, toString(rule) AS rule, root, uniqExact(endpoint) AS endpoints FROM {} \
             WHERE severity != 'info' AND named != '' AND positionCaseInsensitiveUTF8(named, {{text:String}}) > 0 \
             GROUP BY object, category, rule, root ORDER BY endpoints DESC, object, category, rule, root LIMIT {{limit:UInt64}}",
            told.rows(
                &FINDINGS,
                &["severity", "named", "category", "rule", "root"]
            )
        );
        let query = told
            .ask(self, &sql)
            .param("text", text)
            .param("limit", limit as u64);
        let rows: Vec<ObjectRow> = self.fetch_all("look for objects", query).await?;
        let found = rows.into_iter().map(|row| FoundObject {
            cause: CauseId::of(
                &row.rule,
                &row.category,
                (row.root != 0).then_some(Code::new(row.root)),
            ),
            object: row.object,
            endpoints: row.endpoints,
        });
        Ok(found.collect())
    }
}
