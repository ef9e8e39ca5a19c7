//! What is promised of columns, as a file and a document name it.

use std::fmt::Write as _;
use store::{ExportKind, ExportType};

/// The name of a kind's columns, with their version.
pub fn name(kind: ExportKind) -> String {
    format!("cbsift_{}_{}", kind.name(), kind.version())
}

/// How a type is spelt in each format.
fn spelling(kind: ExportType) -> (&'static str, &'static str) {
    match kind {
        ExportType::Text => ("`BYTE_ARRAY`, string", "string"),
        ExportType::Number => ("`INT64`", "number"),
        ExportType::Flag => ("`BOOLEAN`", "`true` or `false`"),
        ExportType::Day => ("`INT32`, date", "`\"2024-05-06\"`"),
        ExportType::Logged => (
            "`INT64`, timestamp of milliseconds, not adjusted to UTC",
            "`\"2024-05-06T12:53:20\"`",
        ),
        ExportType::Utc => (
            "`INT64`, timestamp of milliseconds, adjusted to UTC",
            "`\"2024-05-06T12:53:20.000Z\"`",
        ),
        ExportType::Texts => ("list of strings", "array of strings"),
    }
}

/// The tables of docs/export.md.
pub fn document() -> String {
    let mut out = String::from("| type | Parquet | NDJSON |\n| --- | --- | --- |\n");
    for kind in [
        ExportType::Text,
        ExportType::Number,
        ExportType::Flag,
        ExportType::Day,
        ExportType::Logged,
        ExportType::Utc,
        ExportType::Texts,
    ] {
        let (parquet, ndjson) = spelling(kind);
        let _ = writeln!(out, "| {} | {parquet} | {ndjson} |", kind.name());
    }
    for kind in ExportKind::ALL {
        let _ = write!(
            out,
            "\n### {}, version {}\n\n| column | type | null where | what it is |\n| --- | --- | --- | --- |\n",
            kind.name(),
            kind.version()
        );
        for column in kind.columns() {
            let null = if column.null.is_empty() {
                "never"
            } else {
                column.null
            };
            let _ = writeln!(
                out,
                "| `{}` | {} | {null} | {} |",
                column.name,
                column.kind.name(),
                column.meaning
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    /// `UPDATE_GOLDEN=1` rewrites the tables of the document; the diff is reviewed: what is renamed or retyped needs a new version.
    #[test]
    fn the_document_has_the_columns_that_there_are() {
        const MARK: &str = "<!-- columns -->\n";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/export.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let mut parts = text.splitn(3, MARK);
        let (before, tables, after) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            let new = [before, MARK, &super::document(), MARK, after].concat();
            std::fs::write(&path, new).unwrap();
            return;
        }
        assert!(
            tables == super::document(),
            "docs/export.md differs; UPDATE_GOLDEN=1 rewrites it"
        );
    }
}
