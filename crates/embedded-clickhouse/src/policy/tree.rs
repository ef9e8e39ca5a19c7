//! A statement's tree, as `EXPLAIN AST` prints it, looked at node by node.
//!
//! Every node is of a kind on a list. Some things are no nodes of their own: a function that `APPLY` names, settings, the
//! inside of `OVER (…)`, names for a table's columns. Those kinds are refused here, or read from the words in [`canonical`].
//!
//! [`canonical`]: super::canonical

use super::canonical::{Canonical, Shape, is_word};
use super::functions::{self, Rule};
use super::{Policy, refused, types};
use crate::exception::Exception;

/// Kinds of nodes that say nothing by themselves: what they hold is in the nodes below them.
const PLAIN: [&str; 24] = [
    "ArrayJoin",
    "ColumnsExceptTransformer",
    "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformer::Replacement",
    "ColumnsTransformerList",
    "ExpressionList",
    "InterpolateElement",
    "Literal",
    "OrderByElement",
    "SampleRatio",
    "SelectIntersectExceptQuery",
    "SelectQuery",
    "SelectWithUnionQuery",
    "Subquery",
    "TableExpression",
    "TablesInSelectQuery",
    "TablesInSelectQueryElement",
    "WindowDefinition",
    "WindowListElement",
    "TableJoin",
    "WithElement",
    "Identifier",
    "TableIdentifier",
    "Function",
];

/// Kinds of nodes that stand for columns without naming them.
const MATCHERS: [&str; 6] = [
    "Asterisk",
    "ColumnsListMatcher",
    "ColumnsRegexpMatcher",
    "QualifiedAsterisk",
    "QualifiedColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher",
];

/// Functions that stand for a table and make its rows from their arguments alone.
const TABLE_FUNCTIONS: [&str; 4] = ["generateSeries", "generate_series", "numbers", "numbers_mt"];

/// Tables of the engine itself that readers may read as they like.
const SYSTEM_TABLES: [&str; 2] = ["system.numbers", "system.one"];

/// Tables of the engine itself with the columns that readers may read: none with a path, a definition or an owner.
const SYSTEM_COLUMNS: [(&str, &[&str]); 5] = [
    (
        "system.columns",
        &[
            "column",
            "comment",
            "data_compressed_bytes",
            "data_uncompressed_bytes",
            "database",
            "default_kind",
            "is_in_partition_key",
            "is_in_primary_key",
            "is_in_sorting_key",
            "name",
            "position",
            "table",
            "type",
        ],
    ),
    (
        "system.databases",
        &["comment", "database", "engine", "name", "uuid"],
    ),
    (
        "system.functions",
        &[
            "alias_to",
            "arguments",
            "case_insensitive",
            "categories",
            "description",
            "introduced_in",
            "is_aggregate",
            "name",
            "origin",
            "returned_value",
            "syntax",
        ],
    ),
    (
        "system.settings",
        &[
            "alias_for",
            "changed",
            "default",
            "description",
            "is_obsolete",
            "max",
            "min",
            "name",
            "readonly",
            "tier",
            "type",
            "value",
        ],
    ),
    (
        "system.tables",
        &[
            "active_parts",
            "comment",
            "database",
            "engine",
            "is_temporary",
            "name",
            "partition_key",
            "parts",
            "primary_key",
            "sorting_key",
            "table",
            "total_bytes",
            "total_rows",
            "uuid",
        ],
    ),
];

/// Whether a name is that of a function of any list.
pub(super) fn is_listed(name: &str) -> bool {
    TABLE_FUNCTIONS.contains(&name) || functions::rule(name).is_some()
}

/// A node that is open: those below it come next.
struct Open<'a> {
    kind: &'a str,
    rule: Option<Rule>,
    children: usize,
}

#[derive(Default)]
struct Found<'a> {
    with_elements: usize,
    identifiers: Vec<&'a str>,
    has_matcher: bool,
    has_join: bool,
    /// Of [`SYSTEM_COLUMNS`], those that are read.
    columns: Vec<&'static [&'static str]>,
}

/// Refuses a tree that holds anything which is on no list.
pub(super) fn check(
    tree: &str,
    canonical: &Canonical<'_>,
    policy: &Policy,
) -> Result<(), Exception> {
    let Shape::Select {
        with_names,
        has_window,
    } = &canonical.shape
    else {
        return Err(refused("a statement that is no SELECT"));
    };
    let is_with_name = |name: &str| with_names.contains(name);
    let mut found = Found::default();
    let mut open: Vec<Open<'_>> = Vec::new();
    let lines = tree.lines().filter(|line| !line.trim().is_empty());
    for line in lines {
        let node = line.trim_start_matches(' ');
        let depth = line.len() - node.len();
        let (kind, rest) = node.split_once(' ').unwrap_or((node, ""));
        open.truncate(depth);
        if open.len() != depth {
            return Err(malformed());
        }
        let index = open.last().map_or(0, |parent| parent.children);
        if let Some(parent) = open.last_mut() {
            parent.children += 1;
        }
        let mut rule = None;
        match kind {
            "Function"
                if open
                    .last()
                    .is_some_and(|parent| parent.kind == "TableExpression") =>
            {
                let name = name_of(rest).ok_or_else(malformed)?;
                if !TABLE_FUNCTIONS.contains(&name) {
                    return Err(refused(format_args!("the table function `{name}`")));
                }
            }
            "Function" => {
                let name = name_of(rest).ok_or_else(malformed)?;
                let looked_up = functions::rule(name)
                    .ok_or_else(|| refused(format_args!("the function `{name}`")))?;
                // Such a function has no parameters beside its arguments, which would be counted as those.
                if looked_up != Rule::Any
                    && rest.contains(" (children ")
                    && !rest.ends_with(" (children 1)")
                {
                    return Err(refused(format_args!("parameters of the function `{name}`")));
                }
                rule = Some(looked_up);
            }
            "TableIdentifier" => {
                let name = identifier(rest);
                match system_columns(name) {
                    Some(columns) => found.columns.push(columns),
                    None if SYSTEM_TABLES.contains(&name) || is_with_name(name) => {}
                    None => {
                        policy.known(name)?;
                    }
                }
            }
            "Identifier" => found.identifiers.push(identifier(rest)),
            "TableJoin" => found.has_join = true,
            "WithElement" => found.with_elements += 1,
            _ if MATCHERS.contains(&kind) => found.has_matcher = true,
            _ if PLAIN.contains(&kind) => {}
            "Set" => return Err(refused("SETTINGS inside a statement")),
            "ColumnsApplyTransformer" => return Err(refused("APPLY")),
            _ => return Err(refused(format_args!("`{kind}`"))),
        }
        // Arguments stand in a list below their function.
        let function = depth.checked_sub(2).and_then(|at| open.get(at));
        let is_argument = open
            .last()
            .is_some_and(|parent| parent.kind == "ExpressionList");
        if let Some(rule) = function.and_then(|function| function.rule)
            && is_argument
        {
            argument(rule, index, kind, rest, |name| {
                if is_with_name(name) {
                    Ok(())
                } else {
                    policy.known(name).map(|_| ())
                }
            })?;
        }
        open.push(Open {
            kind,
            rule,
            children: 0,
        });
    }
    if found.with_elements != with_names.len() {
        return Err(refused(
            "two names in WITH that are the same, or one that is not understood",
        ));
    }
    found.check_columns(*has_window)
}

impl Found<'_> {
    /// Named columns of the engine's own tables, and nothing that could stand for another.
    fn check_columns(&self, has_window: bool) -> Result<(), Exception> {
        if self.columns.is_empty() {
            return Ok(());
        }
        if self.has_matcher || self.has_join || has_window {
            return Err(refused(
                "`*`, COLUMNS, JOIN or OVER with a table of `system`: name its columns",
            ));
        }
        for identifier in &self.identifiers {
            let column = identifier.rsplit('.').next().unwrap_or_default();
            if !self.columns.iter().any(|columns| columns.contains(&column)) {
                return Err(refused(format_args!(
                    "the column `{identifier}` beside a table of `system`"
                )));
            }
        }
        Ok(())
    }
}

fn system_columns(table: &str) -> Option<&'static [&'static str]> {
    let found = SYSTEM_COLUMNS.iter().find(|(name, _)| *name == table);
    found.map(|(_, columns)| *columns)
}

/// An argument that is more than a value.
fn argument(
    rule: Rule,
    index: usize,
    kind: &str,
    rest: &str,
    is_table: impl Fn(&str) -> Result<(), Exception>,
) -> Result<(), Exception> {
    match rule {
        Rule::Any => Ok(()),
        // The right side of IN may be a table, or a function that makes one.
        Rule::In if index == 0 => Ok(()),
        Rule::In => match kind {
            "Identifier" => is_table(identifier(rest)),
            "Function" if matches!(name_of(rest), Some("tuple" | "array" | "_CAST" | "CAST")) => {
                Ok(())
            }
            "Literal" | "Subquery" => Ok(()),
            _ => Err(refused("a right side of IN that is no list and no SELECT")),
        },
        Rule::Type { at } if index == at => text(kind, rest)
            .filter(|text| types::is_allowed(text))
            .map(|_| ())
            .ok_or_else(|| refused("a cast to a type that is no list, text, number or time")),
        Rule::Zone { from } if index >= from => {
            let is_number = kind == "Literal"
                && ["UInt64_", "Int64_", "NULL"]
                    .iter()
                    .any(|prefix| rest.starts_with(prefix));
            let is_zone = text(kind, rest).is_some_and(|text| types::is_zone(&text));
            if is_number || is_zone {
                Ok(())
            } else {
                Err(refused(
                    "a time zone that is computed or no zone's name: write it as a text where it is used",
                ))
            }
        }
        Rule::Type { .. } | Rule::Zone { .. } => Ok(()),
    }
}

/// The name of a function: a plain word, then nothing or what the tree adds.
fn name_of(rest: &str) -> Option<&str> {
    let length = rest
        .find(|character| !is_word(character))
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(length)?;
    let is_end =
        after.is_empty() || after.starts_with(" (alias ") || after.starts_with(" (children ");
    (!name.is_empty() && is_end).then_some(name)
}

/// The name of an identifier, without its alias and the number of its children.
fn identifier(rest: &str) -> &str {
    let ends = [" (alias ", " (children "];
    let end = ends.iter().filter_map(|end| rest.find(end)).min();
    end.and_then(|end| rest.get(..end)).unwrap_or(rest)
}

/// The text of a literal that is one.
fn text(kind: &str, rest: &str) -> Option<String> {
    let inside = rest.strip_prefix('\'').filter(|_| kind == "Literal")?;
    let mut text = String::new();
    let mut characters = inside.chars();
    loop {
        match characters.next()? {
            '\'' => return Some(text),
            '\\' => match characters.next()? {
                escaped @ ('\'' | '\\') => text.push(escaped),
                _ => return None,
            },
            other => text.push(other),
        }
    }
}

fn malformed() -> Exception {
    refused("this statement, whose tree is not understood")
}

/// For the test that this list and the engine's columns agree.
#[cfg(test)]
pub(super) fn system_tables() -> Vec<&'static str> {
    SYSTEM_COLUMNS.iter().map(|(table, _)| *table).collect()
}
