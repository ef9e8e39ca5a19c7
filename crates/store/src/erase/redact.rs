//! Names out of rows that stay.
//!
//! A row is stored again without the name and then the one with it goes, so that whoever is cut short loses nothing. Rows of the audit keep
//! their hashes, which other rows name; what they must hash to now stands in a row of its own, so a change of any other kind is still found.

use super::{Column, Erasing, names::mention};
use crate::audit::{Action, AuditRow, REDACTED};
use crate::{error::Result, store::Store};

/// Rows of a table that name the machine in some column.
pub(super) fn mentions(columns: Option<&Vec<Column>>) -> String {
    let columns = columns.into_iter().flatten();
    let any: Vec<String> = columns
        .filter(|column| column.is_text())
        .map(|column| mention(&format!("`{}`", column.name)))
        .collect();
    match any.is_empty() {
        true => "0".to_owned(),
        false => format!("({})", any.join(" OR ")),
    }
}

/// A text without the names. Twice: two names side by side share the letter between them.
fn without(text: &str) -> String {
    let once = |text: &str| format!("replaceRegexpAll({text}, {{named:String}}, {{mark:String}})");
    once(&once(text))
}

/// A column without the names, of the types that the tables have.
fn redacted(column: &Column) -> String {
    let name = format!("`{}`", column.name);
    // What a job would change quotes records.
    if (column.table.as_str(), column.name.as_str()) == ("jobs", "diff") {
        return format!("if({}, '', {name})", mention(&name));
    }
    // Where a step or a copy was: it begins with the endpoints before it again, which changes nothing.
    if column.name == "endpoint" {
        return format!("if({}, '', {name})", mention(&name));
    }
    if column.kind.starts_with("Array(Tuple(String, String") {
        return format!("arrayMap(pair -> (pair.1, {}), {name})", without("pair.2"));
    }
    if column.kind.starts_with("Array(") {
        return format!("arrayMap(one -> {}, {name})", without("toString(one)"));
    }
    without(&format!("toString({name})"))
}

impl Store {
    /// Takes the names out of a table's rows; says of how many.
    pub(super) async fn redact(
        &self,
        of: &Erasing,
        table: &'static str,
        columns: &[Column],
    ) -> Result<u64> {
        let all = columns.to_vec();
        let condition = mentions(Some(&all));
        let count = self.count_rows(of, table, &condition).await?;
        if count == 0 {
            return Ok(0);
        }
        let replaced: Vec<String> = columns
            .iter()
            .filter(|column| column.is_text() && !column.kind.starts_with("Nullable"))
            .map(|column| format!("{} AS `{}`", redacted(column), column.name))
            .collect();
        let statement = format!(
            "INSERT INTO {table} SELECT * REPLACE ({}) FROM (SELECT * FROM {table} FINAL WHERE {condition})",
            replaced.join(", ")
        );
        self.insert_selected(table, of.ask(self.insertion(&statement)))
            .await?;
        self.delete_where(of, table, &condition).await?;
        Ok(count)
    }

    /// Takes the names out of the audit, which tells of it.
    pub(super) async fn redact_audit(&self, of: &Erasing) -> Result<u64> {
        let mut rows: Vec<AuditRow> = Vec::new();
        let words = of.words_of();
        self.each_audit_row::<crate::StoreError>(&of.tenant, 0, |page| {
            rows.extend(page.into_iter().filter(|row| names(row, &words)));
            Ok(())
        })
        .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        let now: Vec<AuditRow> = rows
            .iter()
            .map(|row| row.redacted(&of.mark, &words))
            .collect();
        let told: Vec<String> = rows
            .iter()
            .zip(&now)
            .map(|(row, now)| format!("\"{}\":\"{}\"", row.hash, now.hashed()))
            .collect();
        // Before it is done, as all else.
        let action = Action {
            action: REDACTED.to_owned(),
            object: format!("{} rows", rows.len()),
            before: String::new(),
            after: format!("{{{}}}", told.join(",")),
        };
        self.audit(&of.tenant, &of.actor, of.at_ms, &[action])
            .await?;
        let mut months: Vec<Vec<AuditRow>> = Vec::new();
        let month = |row: &AuditRow| event::LoggedAt(row.at.div_euclid(1_000)).month();
        for row in now {
            match months
                .iter_mut()
                .find(|rows| rows.first().is_some_and(|one| month(one) == month(&row)))
            {
                Some(rows) => rows.push(row),
                None => months.push(vec![row]),
            }
        }
        for rows in months {
            self.insert_rows::<AuditRow, _>("audit", rows.into_iter())
                .await?;
        }
        for some in rows.chunks(HASHES_ASKED) {
            let hashes: Vec<&str> = some.iter().map(|row| row.hash.as_str()).collect();
            let query = self
                .sql("ALTER TABLE audit DELETE WHERE tenant = {tenant:String} AND hash IN {hashes:Array(String)} AND object != {now:String}")
                .param("tenant", of.tenant.as_str())
                .param("hashes", hashes)
                .param("now", of.mark.as_str())
                .with_setting("mutations_sync", "0");
            self.execute_query("take rows of an endpoint away", query)
                .await?;
            self.mutations_done("audit").await?;
        }
        Ok(rows.len() as u64)
    }
}

/// Hashes of one statement: some 70 bytes each.
const HASHES_ASKED: usize = 1_000;

fn names(row: &AuditRow, words: &[(String, bool)]) -> bool {
    [&row.actor, &row.object, &row.before, &row.after]
        .into_iter()
        .any(|text| {
            words
                .iter()
                .any(|(word, is_id)| is_named(text, word, *is_id))
        })
}

/// Whether a name stands in a text, and is no part of a longer one.
pub(crate) fn is_named(text: &str, name: &str, is_id: bool) -> bool {
    let (text, name) = match is_id {
        true => (text.to_owned(), name.to_owned()),
        false => (text.to_lowercase(), name.to_lowercase()),
    };
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    text.match_indices(&name).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let after = rest.get(name.len()..).unwrap_or_default();
        let is_escape = || {
            let mut last = before.chars().rev();
            matches!(
                (last.next(), last.next()),
                (Some('n' | 'r' | 't' | 'b' | 'f'), Some('\\'))
            )
        };
        (!before.chars().next_back().is_some_and(is_part) || is_escape())
            && !after.chars().next().is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_where_it_is_no_part_of_another_one() {
        for (text, is_there) in [
            ("pc-1", true),
            ("\"pc-1\"", true),
            ("at pc-1.made-up.example", true),
            ("pc-10 pc-1x xpc-1 pc-1-a", false),
            ("pc-10, pc-1", true),
            ("a\\npc-1", true),
            ("PC-1", false),
        ] {
            assert_eq!(is_named(text, "pc-1", true), is_there, "{text}");
        }
        assert!(is_named("Desktop-1 and 上海", "DESKTOP-1", false));
        assert!(is_named("上海 PC", "上海", false));
    }
}
