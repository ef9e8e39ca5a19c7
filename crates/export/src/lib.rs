#![doc = include_str!("../README.md")]

mod file;
mod ndjson;
mod parquet;
mod schema;

use anyhow::Context;
use std::path::Path;
use store::{ExportKind, ExportProgress, ExportRow, Filter, Store};

pub use schema::{document, name as schema_name};

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns, typed and compressed.
    Parquet,
    /// One JSON object a line.
    Ndjson,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows.
    pub rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What makes bytes of rows.
trait Writer {
    fn write(&mut self, rows: &[ExportRow]) -> anyhow::Result<()>;
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

impl Format {
    /// As commands name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
        }
    }
}

/// Refuses a file that is there, before anything is asked for.
pub fn check(path: &Path) -> anyhow::Result<()> {
    file::check(path)
}

/// Writes the rows of a selection into a new file, which has its name once it is whole.
pub async fn write(
    store: &Store,
    kind: ExportKind,
    filter: &Filter,
    format: Format,
    path: &Path,
    progress: impl Fn(ExportProgress),
) -> anyhow::Result<Written> {
    let file = file::NewFile::create(path)?;
    let mut writer: Box<dyn Writer> = match format {
        Format::Parquet => Box::new(parquet::Parquet::new(kind, file.handle()?)?),
        Format::Ndjson => Box::new(ndjson::Ndjson::new(kind, file.handle()?)),
    };
    let mut rows = 0;
    store
        .export(kind, filter, |page, so_far| {
            rows += page.len() as u64;
            progress(so_far);
            writer.write(&page)
        })
        .await
        .with_context(|| format!("export into `{}`", path.display()))?;
    writer
        .finish()
        .with_context(|| format!("end `{}`", path.display()))?;
    let bytes = file.put_in_place()?;
    Ok(Written { rows, bytes })
}
