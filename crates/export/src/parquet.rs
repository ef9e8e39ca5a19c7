//! Columns of typed values, in groups of rows that are bounded by bytes.

use crate::{Writer, schema};
use ::parquet::basic::Compression;
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use anyhow::{Context, bail};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::File;
use std::sync::Arc;
use store::{ExportColumn, ExportKind, ExportRow, ExportType};

/// Bytes of values that a group holds before it is written: what memory the writer takes, some times over.
const GROUP_BYTES: usize = 32 << 20;

/// Rows of a group, which readers in parallel take one each.
const GROUP_ROWS: usize = 200_000;

pub(crate) struct Parquet {
    kind: ExportKind,
    file: SerializedFileWriter<File>,
    values: Vec<Values>,
    rows: usize,
    bytes: usize,
}

/// Values of a column, with what tells nulls and lists apart.
struct Values {
    column: &'static ExportColumn,
    defined: Vec<i16>,
    repeated: Vec<i16>,
    of: Typed,
}

enum Typed {
    Texts(Vec<ByteArray>),
    Numbers(Vec<i64>),
    Days(Vec<i32>),
    Flags(Vec<bool>),
}

impl Parquet {
    pub(crate) fn new(kind: ExportKind, file: File) -> anyhow::Result<Self> {
        let message = parse_message_type(&message(kind))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("cbsift ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_key_value_metadata(Some(vec![KeyValue::new(
                "cbsift.schema".to_owned(),
                schema::name(kind),
            )]))
            .build();
        let file = SerializedFileWriter::new(file, Arc::new(message), Arc::new(properties))?;
        Ok(Self {
            kind,
            file,
            values: values(kind),
            rows: 0,
            bytes: 0,
        })
    }

    fn write_group(&mut self) -> anyhow::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.file.next_row_group()?;
        for values in std::mem::replace(&mut self.values, values(self.kind)) {
            let mut writer = group.next_column()?.context("a column is missing")?;
            let is_list = values.column.kind == ExportType::Texts;
            let defined =
                (is_list || !values.column.null.is_empty()).then_some(&values.defined[..]);
            let repeated = is_list.then_some(&values.repeated[..]);
            match &values.of {
                Typed::Texts(texts) => writer
                    .typed::<ByteArrayType>()
                    .write_batch(texts, defined, repeated)?,
                Typed::Numbers(numbers) => writer
                    .typed::<Int64Type>()
                    .write_batch(numbers, defined, repeated)?,
                Typed::Days(days) => writer
                    .typed::<Int32Type>()
                    .write_batch(days, defined, repeated)?,
                Typed::Flags(flags) => writer
                    .typed::<BoolType>()
                    .write_batch(flags, defined, repeated)?,
            };
            writer.close()?;
        }
        group.close()?;
        (self.rows, self.bytes) = (0, 0);
        Ok(())
    }
}

impl Writer for Parquet {
    fn write(&mut self, rows: &[ExportRow]) -> anyhow::Result<()> {
        for row in rows {
            if row.len() != self.values.len() {
                bail!("a row has {} values of {}", row.len(), self.values.len());
            }
            for (values, value) in self.values.iter_mut().zip(row) {
                let added = values.add(value);
                let column = values.column;
                self.bytes += added
                    .with_context(|| format!("`{}` is no {}", column.name, column.kind.name()))?;
            }
            self.rows += 1;
            if self.rows >= GROUP_ROWS || self.bytes >= GROUP_BYTES {
                self.write_group()?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.write_group()?;
        self.file.close()?;
        Ok(())
    }
}

impl Values {
    fn new(column: &'static ExportColumn) -> Self {
        Self {
            column,
            defined: Vec::new(),
            repeated: Vec::new(),
            of: match column.kind {
                ExportType::Text | ExportType::Texts => Typed::Texts(Vec::new()),
                ExportType::Number | ExportType::Logged | ExportType::Utc => {
                    Typed::Numbers(Vec::new())
                }
                ExportType::Day => Typed::Days(Vec::new()),
                ExportType::Flag => Typed::Flags(Vec::new()),
            },
        }
    }

    /// Takes a value and says how many bytes it is; nothing where it is not of the column's type.
    fn add(&mut self, value: &Value) -> Option<usize> {
        const NUMBER: usize = 8;
        if value.is_null() {
            self.defined.push(0);
            return (!self.column.null.is_empty()).then_some(NUMBER);
        }
        match (&mut self.of, self.column.kind) {
            (Typed::Texts(texts), ExportType::Texts) => {
                let list = value.as_array()?;
                let mut bytes = NUMBER;
                if list.is_empty() {
                    self.defined.push(0);
                    self.repeated.push(0);
                }
                for (at, text) in list.iter().enumerate() {
                    let text = text.as_str()?;
                    self.defined.push(1);
                    self.repeated.push(i16::from(at > 0));
                    bytes += NUMBER + text.len();
                    texts.push(text.into());
                }
                return Some(bytes);
            }
            (Typed::Texts(texts), _) => {
                let text = value.as_str()?;
                texts.push(text.into());
                self.defined.push(1);
                return Some(NUMBER + text.len());
            }
            (Typed::Numbers(numbers), ExportType::Logged) => {
                numbers.push(value.as_i64()?.checked_mul(1_000)?);
            }
            (Typed::Numbers(numbers), _) => numbers.push(value.as_i64()?),
            (Typed::Days(days), _) => days.push(i32::try_from(value.as_i64()?).ok()?),
            (Typed::Flags(flags), _) => flags.push(value.as_u64()? != 0),
        }
        self.defined.push(1);
        Some(NUMBER)
    }
}

fn values(kind: ExportKind) -> Vec<Values> {
    kind.columns().iter().map(Values::new).collect()
}

/// The columns as Parquet's own language has them.
fn message(kind: ExportKind) -> String {
    let mut out = format!("message {} {{\n", schema::name(kind));
    for column in kind.columns() {
        let repetition = if column.null.is_empty() {
            "required"
        } else {
            "optional"
        };
        let (name, kind) = (column.name, column.kind);
        let _ = match kind {
            ExportType::Text => writeln!(out, "{repetition} binary {name} (STRING);"),
            ExportType::Number => writeln!(out, "{repetition} int64 {name};"),
            ExportType::Flag => writeln!(out, "{repetition} boolean {name};"),
            ExportType::Day => writeln!(out, "{repetition} int32 {name} (DATE);"),
            ExportType::Logged => {
                writeln!(out, "{repetition} int64 {name} (TIMESTAMP(MILLIS,false));")
            }
            ExportType::Utc => {
                writeln!(out, "{repetition} int64 {name} (TIMESTAMP(MILLIS,true));")
            }
            ExportType::Texts => writeln!(
                out,
                "required group {name} (LIST) {{ repeated group list {{ required binary element (STRING); }} }}"
            ),
        };
    }
    out.push('}');
    out
}
