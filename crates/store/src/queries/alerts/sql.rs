//! A question that a site wrote itself. It reads and does nothing else: it stands in a SELECT of ours, in `readonly` mode, within bounds of
//! its own, on one thread.

use super::NAMED;
use crate::{
    error::{Result, StoreError},
    store::Store,
};
use clickhouse::{Row, query::Query};
use serde::Deserialize;

/// Its bounds. A group that fires is a line of a message, and evaluation waits for its answer.
const BOUNDS: [(&str, &str); 4] = [
    ("max_execution_time", "10"),
    ("max_memory_usage", "268435456"),
    ("max_threads", "1"),
    ("readonly", "1"),
];

/// Groups that are told, the greatest first.
const GROUPS: u64 = 2_000;

/// A site's own question.
#[derive(Clone, Copy, Debug)]
pub struct AlertQuestion<'a> {
    /// One SELECT, with the parameters `{tenant:String}` and `{now:DateTime('UTC')}`. It answers with a column `value`, a column for each
    /// name in `by`, and, where it likes, `pcs`: an array of texts.
    pub sql: &'a str,
    /// Columns that tell groups apart.
    pub by: &'a [&'a str],
    /// Seconds of UTC.
    pub now: i64,
}

/// What it answers of one group.
#[derive(Clone, Debug, PartialEq, Row, Deserialize)]
pub struct AlertAnswer {
    /// One text for each column that tells groups apart.
    #[serde(rename = "alert_key")]
    pub key: Vec<String>,
    /// The figure: rows of one group are added up.
    #[serde(rename = "alert_value")]
    pub value: f64,
    /// The first ten PCs that it named.
    #[serde(rename = "alert_pcs")]
    pub pcs: Vec<String>,
}

#[derive(Row, Deserialize)]
struct Column {
    name: String,
    r#type: String,
}

impl Store {
    /// Asks it.
    pub async fn alert_question(
        &self,
        tenant: &str,
        question: AlertQuestion<'_>,
    ) -> Result<Vec<AlertAnswer>> {
        let pcs = match self.check_alert_question(tenant, question).await? {
            true => "arraySlice(groupUniqArrayArray(pcs), 1, {named:UInt8})",
            false => "CAST([], 'Array(String)')",
        };
        let key: Vec<String> = question
            .by
            .iter()
            .map(|name| format!("ifNull(toString({}), '')", quoted(name)))
            .collect();
        let sql = format!(
            "SELECT CAST([{}], 'Array(String)') AS alert_key, sum(ifNull(toFloat64(value), 0)) AS alert_value, arraySort({pcs}) AS alert_pcs FROM (\n{}\n) \
             GROUP BY alert_key ORDER BY alert_value DESC, alert_key LIMIT {{groups:UInt64}}",
            key.join(", "),
            inner(question.sql)
        );
        let query = self
            .asked(&sql, tenant, question)
            .param("groups", GROUPS)
            .param("named", NAMED);
        self.fetch_all("ask a rule's own question", query).await
    }

    /// Whether the store can answer it at all, without asking it: what its columns are. True where it names PCs.
    pub async fn check_alert_question(
        &self,
        tenant: &str,
        question: AlertQuestion<'_>,
    ) -> Result<bool> {
        let doing = "read a rule's own question";
        let sql = format!("DESCRIBE TABLE (\n{}\n)", inner(question.sql));
        let query = self.asked(&sql, tenant, question);
        let query = query.with_setting("describe_compact_output", "1");
        let columns: Vec<Column> = self.fetch_all(doing, query).await?;
        let kind = |wanted: &str| {
            let column = columns.iter().find(|column| column.name == wanted);
            column.map(|column| column.r#type.as_str())
        };
        let names = || {
            let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
            names.join(", ")
        };
        for name in question.by.iter().chain(&["value"]) {
            if kind(name).is_none() {
                return Err(StoreError::config(
                    doing,
                    format!("it has no column `{name}`, but {}", names()),
                    "name columns with AS: `value` is the figure, and each name in `group_by` is a column",
                ));
            }
        }
        match kind("pcs") {
            None => Ok(false),
            Some("Array(String)" | "Array(LowCardinality(String))") => Ok(true),
            Some(other) => Err(StoreError::config(
                doing,
                format!("its column `pcs` is of type {other}"),
                "`pcs` is an array of texts: groupUniqArray(10)(endpoint) AS pcs",
            )),
        }
    }

    fn asked(&self, sql: &str, tenant: &str, question: AlertQuestion<'_>) -> Query {
        let query = BOUNDS.iter().fold(self.sql(sql), |query, (name, value)| {
            query.with_setting(*name, *value)
        });
        query.param("tenant", tenant).param("now", question.now)
    }
}

/// As it stands within ours: without what ends a statement, and with the client's mark for a value written as it is.
fn inner(sql: &str) -> String {
    let sql = sql.trim_end();
    sql.strip_suffix(';').unwrap_or(sql).replace('?', "??")
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}
