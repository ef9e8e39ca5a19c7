//! What a reader's statement may be: one `SELECT` of listed tables with listed functions.
//!
//! The decision is made on the engine's own parse and by lists of what is allowed, never by searching the text:
//!
//! 1. the text goes as a *parameter* into `formatQuerySingleLine`, which parses and prints it and runs nothing;
//! 2. `FORMAT` and `SETTINGS` are taken off the printed form ([`canonical`]); what is left is one bare statement;
//! 3. its tree, from `EXPLAIN AST` in a subquery (which parses and runs nothing, and takes no output options), is looked at
//!    node by node ([`tree`]);
//! 4. the bytes that were looked at are the bytes that run.
//!
//! `EXPLAIN SYNTAX`, `QUERY TREE` and `PLAN` would be no checks: they compute constants, which is to run the statement.

mod bounds;
mod canonical;
mod functions;
mod settings;
mod tree;
mod types;

use std::collections::HashSet;

use crate::connection::{Connection, Parameters};
use crate::engine::DATABASE;
use crate::exception::Exception;
use canonical::{Canonical, Shape};

pub(crate) use bounds::Bounds;
pub(crate) use settings::{Setting, check_database, check_format, is_plain_name, setting};

/// The largest statement of a reader: the engine's own `max_query_size`. Values belong into parameters.
pub(crate) const MAX_STATEMENT_BYTES: usize = 256 * 1024;

/// The tables that readers may read, by name in [`DATABASE`].
#[derive(Debug)]
pub(crate) struct Policy {
    tables: HashSet<String>,
    bounds: Bounds,
}

/// A statement that may run as it stands here, and what stood around it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Approved {
    pub(crate) sql: String,
    pub(crate) format: Option<String>,
    pub(crate) settings: Vec<(String, String)>,
}

impl Policy {
    pub(crate) fn new(tables: impl IntoIterator<Item = String>, bounds: Bounds) -> Self {
        Self {
            tables: tables.into_iter().collect(),
            bounds,
        }
    }

    /// Makes a new connection one of a reader's, checks included: its database and its bounds, for good.
    pub(crate) fn bound(&self, connection: &Connection) -> Result<(), Exception> {
        connection.execute(&format!("USE {DATABASE}"))?;
        connection.execute("SET profile = 'reader'")?;
        connection.execute(&self.bounds.statement())
    }

    /// Leaves a connection only what readers need to run a statement. The check itself must come before: its subquery asks
    /// the grant for temporary tables.
    pub(crate) fn restrict(&self, connection: &Connection) -> Result<(), Exception> {
        connection.execute("SET ROLE reader")?;
        connection.execute("SET readonly = 2")
    }

    /// Parses a reader's text and refuses what is not on the lists. No setting of the reader's is in force yet on
    /// `connection`.
    pub(crate) fn approve(
        &self,
        connection: &Connection,
        text: &[u8],
        parameters: &Parameters,
    ) -> Result<Approved, Exception> {
        let text = text_of(text)?;
        let printed = printed(connection, text)?;
        let canonical = Canonical::read(&printed)?;
        let mut settings = Vec::new();
        for (name, value) in &canonical.settings {
            if let Setting::Passed = setting(name, value)? {
                settings.push((name.clone(), value.clone()));
            }
        }
        if let Some(format) = &canonical.format {
            check_format(format)?;
        }
        let sql = match &canonical.shape {
            Shape::Select { with_names, .. } => {
                check_with_names(connection, with_names)?;
                let tree = tree(connection, canonical.bare, parameters)?;
                tree::check(&tree, &canonical, self)?;
                canonical.bare.to_owned()
            }
            // Made anew from names that were looked up, so there is nothing else in it.
            Shape::ShowDatabases => "SHOW DATABASES".to_owned(),
            Shape::ShowTables => format!("SHOW TABLES FROM {DATABASE}"),
            Shape::Describe { table } => {
                format!("DESCRIBE TABLE {DATABASE}.`{}`", self.known(table)?)
            }
            Shape::Exists { table } => {
                format!("EXISTS TABLE {DATABASE}.`{}`", self.known(table)?)
            }
        };
        Ok(Approved {
            sql,
            format: canonical.format,
            settings,
        })
    }

    /// The name in [`DATABASE`] of a table that readers may read.
    fn known<'a>(&self, table: &'a str) -> Result<&'a str, Exception> {
        let name = table
            .strip_prefix(DATABASE)
            .and_then(|rest| rest.strip_prefix('.'))
            .unwrap_or(table);
        if self.tables.contains(name) {
            Ok(name)
        } else {
            Err(refused(format_args!("the table `{table}`")))
        }
    }
}

/// Refuses a name in `WITH` that is also that of a table, readable or not. Such a name holds only inside of its `SELECT` and
/// behind its own definition, which the tree does not show: anywhere else it would be the table.
fn check_with_names(
    connection: &Connection,
    with_names: &HashSet<String>,
) -> Result<(), Exception> {
    if let Some(name) = with_names.iter().find(|name| name.contains('.')) {
        return Err(refused(format_args!("`{name}` as a name in WITH")));
    }
    if with_names.is_empty() {
        return Ok(());
    }
    let sql = format!("SHOW TABLES FROM {DATABASE}");
    let output = connection.query(sql.as_bytes(), "TSVRaw", &[])?;
    let tables = String::from_utf8_lossy(output.bytes());
    match tables.lines().find(|table| with_names.contains(*table)) {
        Some(table) => Err(refused(format_args!(
            "`{table}` as a name in WITH, which is that of a table"
        ))),
        None => Ok(()),
    }
}

/// What a writer's definition of a table must not use: the library asks no grant for a table's engine and disks, and several
/// write to any folder or fetch from any address. A text that cannot be looked at is refused.
///
/// `connection` is none of the writer's: a setting such as `offset` would be in force for the look, too, and leave nothing to
/// look at.
pub(crate) fn check_definition(connection: &Connection, sql: &[u8]) -> Result<(), Exception> {
    let text = std::str::from_utf8(sql).map_err(|_| not_utf8())?;
    canonical::check_definition(&printed(connection, text)?)
}

/// What a reader must not use, by name.
fn refused(what: impl std::fmt::Display) -> Exception {
    Exception::new(
        497,
        "ACCESS_DENIED",
        format_args!(
            "a reader may not use {what}; \
             hint: a reader asks with one SELECT of the documented tables and views, see docs/operations.md"
        ),
    )
}

fn text_of(text: &[u8]) -> Result<&str, Exception> {
    if text.len() > MAX_STATEMENT_BYTES {
        return Err(Exception::too_large(format_args!(
            "the statement is longer than {MAX_STATEMENT_BYTES} bytes; hint: put long values into parameters"
        )));
    }
    std::str::from_utf8(text)
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(not_utf8)
}

fn not_utf8() -> Exception {
    Exception::new(62, "SYNTAX_ERROR", "the statement is not UTF-8 text")
}

/// The engine's own print of a text that it parses as one statement. Nothing of it runs.
fn printed(connection: &Connection, text: &str) -> Result<String, Exception> {
    let text = as_parameter(text);
    let parameters = [("statement".to_owned(), text)];
    let sql = b"SELECT formatQuerySingleLine({statement:String})";
    let output = connection
        .query(sql, "RawBLOB", &parameters)
        .map_err(|exception| exception.without_scope())?;
    utf8(output.bytes())
}

/// A value as the HTTP interface writes it, which is as in TSV.
fn as_parameter(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => value.push_str("\\\\"),
            '\n' => value.push_str("\\n"),
            '\r' => value.push_str("\\r"),
            '\t' => value.push_str("\\t"),
            other => value.push(other),
        }
    }
    value
}

/// The tree of a bare statement, a node a line, its depth in blanks. Nothing of it runs.
fn tree(connection: &Connection, bare: &str, parameters: &Parameters) -> Result<String, Exception> {
    let sql = format!("SELECT explain FROM (EXPLAIN AST {bare})");
    let output = connection.query(sql.as_bytes(), "TSVRaw", parameters)?;
    utf8(output.bytes())
}

fn utf8(bytes: &[u8]) -> Result<String, Exception> {
    String::from_utf8(bytes.to_vec()).map_err(|_| not_utf8())
}

#[cfg(test)]
mod tests;

/// Takes apart what the engine might print, and throws it away.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_printed(printed: &str) {
    if let Ok(canonical) = canonical::Canonical::read(printed) {
        assert!(printed.contains(canonical.bare), "what runs was printed");
    }
    let _ = canonical::check_definition(printed);
    let _ = types::is_allowed(printed);
}
