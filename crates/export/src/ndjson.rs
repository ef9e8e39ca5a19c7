//! One JSON object a line.

use crate::Writer;
use anyhow::{Context, bail};
use event::{LoggedAt, UtcMillis};
use serde_json::Value;
use std::fs::File;
use std::io::{BufWriter, Write};
use store::{ExportColumn, ExportKind, ExportRow, ExportType};

pub(crate) struct Ndjson {
    columns: &'static [ExportColumn],
    out: BufWriter<File>,
}

/// Written in one go.
const BUFFER: usize = 1 << 20;

impl Ndjson {
    pub(crate) fn new(kind: ExportKind, file: File) -> Self {
        Self {
            columns: kind.columns(),
            out: BufWriter::with_capacity(BUFFER, file),
        }
    }
}

impl Writer for Ndjson {
    fn write(&mut self, rows: &[ExportRow]) -> anyhow::Result<()> {
        for row in rows {
            write_row(self.columns, row, &mut self.out)?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        Ok(self.out.flush()?)
    }
}

/// By hand, because a map of values would lose the order of the columns.
fn write_row(
    columns: &[ExportColumn],
    row: &ExportRow,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if row.len() != columns.len() {
        bail!("a row has {} values of {}", row.len(), columns.len());
    }
    let mut before = b"{";
    for (column, value) in columns.iter().zip(row) {
        out.write_all(before)?;
        before = b",";
        write!(out, "\"{}\":", column.name)?;
        let value = spelt(column, value);
        let value =
            value.with_context(|| format!("`{}` is no {}", column.name, column.kind.name()))?;
        serde_json::to_writer(&mut *out, &value)?;
    }
    out.write_all(b"}\n")?;
    Ok(())
}

/// A value as JSON has it; nothing where it is not of its column's type.
fn spelt(column: &ExportColumn, value: &Value) -> Option<Value> {
    if value.is_null() {
        return (!column.null.is_empty()).then_some(Value::Null);
    }
    Some(match column.kind {
        ExportType::Text => value.as_str()?.into(),
        ExportType::Number => value.as_i64()?.into(),
        ExportType::Flag => (value.as_u64()? != 0).into(),
        ExportType::Day => {
            let time = LoggedAt(value.as_i64()? * 86_400).to_string();
            time.split(' ').next()?.into()
        }
        ExportType::Logged => LoggedAt(value.as_i64()?)
            .to_string()
            .replace(' ', "T")
            .into(),
        ExportType::Utc => UtcMillis(value.as_i64()?).to_string().into(),
        ExportType::Texts => {
            let texts = value.as_array()?;
            texts.iter().all(Value::is_string).then(|| value.clone())?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(row: ExportRow) -> String {
        let mut out = Vec::new();
        write_row(ExportKind::States.columns(), &row, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_all_columns_in_order_and_times_as_people_write_them() {
        let row = vec![
            json!("pc-1"),
            json!("KB1"),
            json!(1),
            json!("failing"),
            json!(2),
            json!(1_715_000_000),
            json!("a\n\u{202e}"),
            json!(""),
            Value::Null,
        ];
        assert_eq!(
            line(row),
            "{\"endpoint\":\"pc-1\",\"kb\":\"KB1\",\"is_finding\":true,\"state\":\"failing\",\"failed\":2,\
             \"failed_at\":\"2024-05-06T12:53:20\",\"category\":\"a\\n\u{202e}\",\"rule\":\"\",\"root_code\":null}\n"
        );
    }

    #[test]
    fn what_is_not_of_its_type_is_no_line() {
        let columns = ExportKind::States.columns();
        let mut row: ExportRow = vec![Value::Null; columns.len()];
        assert!(write_row(columns, &row, &mut Vec::new()).is_err());
        row.pop();
        assert!(write_row(columns, &row, &mut Vec::new()).is_err());
    }
}
