//! The columns of exports: what they are called, of which type they are, what they mean, and how they are read.
//!
//! They are a promise. A column is added behind the last one and none is renamed, retyped or taken away without a new version of the kind.

/// What can be exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExportKind {
    /// Records that mean something, each identity once.
    Events,
    /// Tries to install a package.
    Attempts,
    /// What is wrong, with cause and evidence.
    Findings,
    /// What each machine is in for each update.
    States,
}

/// Of which type a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportType {
    /// UTF-8.
    Text,
    /// Whole, 64 bits with a sign.
    Number,
    /// True or false; read as 1 or 0.
    Flag,
    /// A day of a machine's calendar.
    Day,
    /// The wall clock of a machine, without a zone.
    Logged,
    /// A moment, with milliseconds.
    Utc,
    /// Texts.
    Texts,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct ExportColumn {
    /// What it is called.
    pub name: &'static str,
    /// Its type.
    pub kind: ExportType,
    /// When it is null; empty where it never is.
    pub null: &'static str,
    /// What it is, with its unit.
    pub meaning: &'static str,
    /// How it is read; empty of what no statement tells.
    sql: &'static str,
}

impl ExportKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Events, Self::Attempts, Self::Findings, Self::States];

    /// As commands and files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Attempts => "attempts",
            Self::Findings => "findings",
            Self::States => "states",
        }
    }

    /// Of its columns: greater where a reader of the one before could be misled.
    pub fn version(self) -> u32 {
        1
    }

    /// Its columns, in order.
    pub fn columns(self) -> &'static [ExportColumn] {
        match self {
            Self::Events => EVENTS,
            Self::Attempts => ATTEMPTS,
            Self::Findings => FINDINGS,
            Self::States => STATES,
        }
    }

    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Events => "export events",
            Self::Attempts => "export attempts",
            Self::Findings => "export findings",
            Self::States => "export states",
        }
    }

    /// Rows of a page: some 10 to 20 MB.
    pub(super) fn rows_at_once(self) -> u64 {
        match self {
            Self::Events => 5_000,
            // Each carries up to 12 KiB of evidence.
            Self::Findings => 2_000,
            Self::Attempts | Self::States => 20_000,
        }
    }

    /// The columns as a statement reads them. None has a name there: one that is also a column's would change what conditions mean.
    pub(super) fn sql(self) -> String {
        let columns: Vec<&str> = self.columns().iter().map(|column| column.sql).collect();
        columns.join(", ")
    }
}

impl ExportType {
    /// As it is documented.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Day => "day",
            Self::Logged => "time as logged",
            Self::Utc => "time in UTC",
            Self::Texts => "texts",
        }
    }
}

const fn of(
    name: &'static str,
    kind: ExportType,
    null: &'static str,
    sql: &'static str,
    meaning: &'static str,
) -> ExportColumn {
    ExportColumn {
        name,
        kind,
        null,
        meaning,
        sql,
    }
}

const fn text(name: &'static str, sql: &'static str, meaning: &'static str) -> ExportColumn {
    of(name, ExportType::Text, "", sql, meaning)
}

const fn number(name: &'static str, sql: &'static str, meaning: &'static str) -> ExportColumn {
    of(name, ExportType::Number, "", sql, meaning)
}

use ExportType::{Day, Flag, Logged, Number, Text, Texts, Utc};

/// A code as it is written everywhere.
macro_rules! code {
    ($column:literal) => {
        concat!("concat('0x', lower(leftPad(hex(", $column, "), 8, '0')))")
    };
}

/// A number of 64 bits, which few readers of JSON keep whole.
macro_rules! id {
    ($column:literal) => {
        concat!("lower(leftPad(hex(", $column, "), 16, '0'))")
    };
}

/// Where no record has a time, rows stand on the first day there is.
const NO_DAY: &str = "no record of it has a time";
const A_DAY: &str = "if(day = toDate('1990-01-01'), NULL, toUInt16(day))";
const NO_CODE: &str = "there is none";

const EVENTS: &[ExportColumn] = &[
    text("endpoint", "endpoint", "the machine"),
    text(
        "source",
        "toString(source)",
        "the kind of log: `cbs`, `dism`, …",
    ),
    text(
        "id",
        id!("id"),
        "identity of the record, 16 hex digits: of machine, kind of log, time as logged and text",
    ),
    of("day", Day, NO_DAY, A_DAY, "as logged"),
    of(
        "logged",
        Logged,
        "the record has no time",
        "toInt64(logged)",
        "by the clock of the machine",
    ),
    of(
        "utc",
        Utc,
        "the record does not say it",
        "toUnixTimestamp64Milli(stamp)",
        "the record's own UTC stamp",
    ),
    text(
        "level",
        "toString(level)",
        "`info`, `warning`, `error`, … as logged",
    ),
    text(
        "component",
        "toString(component)",
        "who logged it; empty where the log does not say",
    ),
    text(
        "marker",
        "toString(marker)",
        "what the record marks, as `attempt_start`; empty for nothing",
    ),
    of(
        "codes",
        Texts,
        "",
        "arrayMap(code -> concat('0x', lower(leftPad(hex(code), 8, '0'))), codes)",
        "failure codes in it, as `0x800f0984`",
    ),
    text(
        "rule",
        "toString(rule)",
        "the rule that named it; empty for none",
    ),
    text(
        "object",
        "object",
        "what it is about, by its rule: a file, a package, …",
    ),
    text("kb", "toString(kb)", "`KB5014692`, or empty"),
    text("package", "package", "or empty"),
    text(
        "component_identity",
        "component_identity",
        "of a Windows component, or empty",
    ),
    text("session", "session", "of servicing, or empty"),
    text(
        "client",
        "toString(client)",
        "who asked for the session, or empty",
    ),
    text("trace", "trace", "of the update, or empty"),
    of(
        "fields",
        Texts,
        "",
        "arrayMap((name, value) -> concat(name, '=', value), mapKeys(fields), mapValues(fields))",
        "other captures of its rule, as `name=value`",
    ),
    text(
        "text",
        "text",
        "the record, or its beginning where it is long",
    ),
    text(
        "stream",
        id!("stream"),
        "the log that holds it, 16 hex digits",
    ),
    number("offset", "toInt64(offset)", "first byte in that log"),
    number("length", "toInt64(length)", "bytes in that log"),
    number(
        "rule_set",
        "toInt64(rule_set)",
        "sequence of the rule set that classified it",
    ),
    text(
        "merged_from",
        "toString(merged_from)",
        "the machine it was copied from when that became another name of this one; else empty",
    ),
];

const ATTEMPTS: &[ExportColumn] = &[
    text("endpoint", "endpoint", "the machine"),
    text("id", id!("id"), "identity of the attempt, 16 hex digits"),
    of("day", Day, NO_DAY, A_DAY, "of its start, as logged"),
    of(
        "start",
        Logged,
        "no record shows it",
        "toInt64(start)",
        "by the clock of the machine",
    ),
    of(
        "end",
        Logged,
        "no record shows it",
        "toInt64(`end`)",
        "by the clock of the machine",
    ),
    of(
        "start_utc",
        Utc,
        "the offset of the clock is not known",
        "toUnixTimestamp64Milli(start_utc)",
        "its start",
    ),
    text("package", "package", "what was to be installed"),
    text("kb", "toString(kb)", "`KB5014692`, or empty"),
    text("client", "toString(client)", "who asked for it, or empty"),
    text("session", "session", "of servicing, or empty"),
    text(
        "outcome",
        "toString(outcome)",
        "`succeeded`, `failed`, `rolled_back`, `pending_reboot`, `cancelled`, `unknown`",
    ),
    of(
        "terminal_code",
        Text,
        NO_CODE,
        code!("terminal_code"),
        "the code it ended with",
    ),
    of(
        "root_code",
        Text,
        NO_CODE,
        code!("root_code"),
        "the code that started its failure",
    ),
    text(
        "category",
        "toString(category)",
        "of its cause; empty where nothing explains it",
    ),
    text(
        "rule",
        "toString(rule)",
        "of its cause; empty where no rule names it",
    ),
    text(
        "set",
        id!("`set`"),
        "which answer it is of: a month of a machine, derived once",
    ),
    number("ordinal", "toInt64(ordinal)", "its place in that answer"),
    of(
        "finding",
        Number,
        "it has no cause",
        "toInt64(finding)",
        "`ordinal` of its finding, which has the same `set`",
    ),
];

const FINDINGS: &[ExportColumn] = &[
    text("endpoint", "endpoint", "the machine"),
    text("id", id!("id"), "identity of the finding, 16 hex digits"),
    of("day", Day, NO_DAY, A_DAY, "of its cause, as logged"),
    of(
        "logged",
        Logged,
        "its cause has no time",
        "toInt64(logged)",
        "by the clock of the machine",
    ),
    of(
        "utc",
        Utc,
        "the offset of the clock is not known",
        "toUnixTimestamp64Milli(utc)",
        "its cause",
    ),
    text(
        "rule",
        "toString(rule)",
        "that names the cause; empty for none",
    ),
    text("category", "toString(category)", "of the cause"),
    text(
        "severity",
        "toString(severity)",
        "`critical`, `error`, `warning`, `info`",
    ),
    of(
        "root_code",
        Text,
        NO_CODE,
        code!("root_code"),
        "the code that started it",
    ),
    of(
        "terminal_code",
        Text,
        NO_CODE,
        code!("terminal_code"),
        "the code it ended with",
    ),
    text("object", "object", "what it is about: a file, a package, …"),
    text("kb", "toString(kb)", "`KB5014692`, or empty"),
    text("package", "package", "or empty"),
    text("component", "component", "who logged the cause"),
    number("confidence", "toInt64(confidence)", "per cent"),
    of(
        "reasons",
        Texts,
        "",
        "arrayMap(reason -> toString(reason), reasons)",
        "why not more",
    ),
    number(
        "count",
        "toInt64(count)",
        "how often it was found in its month",
    ),
    of(
        "evidence_ids",
        Texts,
        "",
        "arrayMap(one -> lower(leftPad(hex(one), 16, '0')), evidence_ids)",
        "`id` of the records that show it, the cause first",
    ),
    of(
        "evidence_texts",
        Texts,
        "",
        "evidence_texts",
        "these records, in the same order",
    ),
    text(
        "set",
        id!("`set`"),
        "which answer it is of: a month of a machine, derived once",
    ),
    number("ordinal", "toInt64(ordinal)", "its place in that answer"),
];

/// No statement reads them: they are what pages make of tries and findings.
const STATES: &[ExportColumn] = &[
    text("endpoint", "", "the machine"),
    text(
        "kb",
        "",
        "`KB5014692`; empty for an update without one, or a finding without one",
    ),
    of(
        "is_finding",
        Flag,
        "",
        "",
        "a finding that no failed try has as its cause, and not an update",
    ),
    text(
        "state",
        "",
        "`failing`, `restart`, `cancelled`, `recovered`, `installed`, `superseded`, `unknown`",
    ),
    number("failed", "", "tries that failed, in the days selected"),
    of(
        "failed_at",
        Logged,
        "nothing failed",
        "",
        "the last failure, by the clock of the machine",
    ),
    text("category", "", "of the cause of the last failure, or empty"),
    text("rule", "", "that names the cause, or empty"),
    of(
        "root_code",
        Text,
        NO_CODE,
        "",
        "the code that started the last failure",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_column_has_a_name_of_its_own_and_a_meaning() {
        for kind in ExportKind::ALL {
            let names: BTreeSet<&str> = kind.columns().iter().map(|column| column.name).collect();
            assert_eq!(names.len(), kind.columns().len(), "{}", kind.name());
            for column in kind.columns() {
                let is_read = kind != ExportKind::States;
                assert!(!column.meaning.is_empty(), "{}", column.name);
                assert_eq!(!column.sql.is_empty(), is_read, "{}", column.name);
            }
        }
    }
}
