//! `cbsift endpoints import`: a CSV file, all of it or nothing.

use super::{TOLD, after, put, wrong_label, wrong_value};
use crate::access::patiently;
use crate::report::counted;
use crate::run::TENANT;
use anyhow::{Context, bail};
use csv::{ByteRecord, ReaderBuilder};
use event::is_endpoint_id;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use store::{LABELS_OF_ENDPOINT, LabelChange, Labels, Store};

/// Rows of one import: several times the largest sites. Nothing is written unless the whole file is right; the store then takes the labels in
/// a few INSERTs, and an import that an outage ended is made whole by the same file again.
const ROWS_MAX: usize = 500_000;
const CHANGES_MAX: usize = 2_000_000;

/// Faults that are told one by one.
const FAULTS_TOLD: usize = 10_000;

/// Something that is wrong on a line, the head being line 1.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    line: u64,
    what: String,
}

/// What a file says, with the line of each endpoint.
#[derive(Debug, Default)]
struct Table {
    changes: Vec<LabelChange>,
    lines: BTreeMap<String, u64>,
    faults: Vec<Fault>,
}

impl Table {
    fn fault(&mut self, line: u64, what: String) {
        self.faults.push(Fault { line, what });
    }
}

pub(super) async fn import(
    store: &Store,
    path: &Path,
    dry_run: bool,
    allow_unknown: bool,
) -> anyhow::Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    let mut table = read(&bytes);
    let ids: BTreeSet<&str> = table.lines.keys().map(String::as_str).collect();
    let known = patiently(|| store.known_endpoints(TENANT, &ids)).await?;
    let before = patiently(|| store.labels_of(TENANT, &ids)).await?;
    let unknown: Vec<(u64, String)> = table
        .lines
        .iter()
        .filter(|(id, _)| !known.contains(*id))
        .map(|(id, line)| (*line, id.clone()))
        .collect();
    if !allow_unknown {
        for (line, id) in &unknown {
            table.fault(
                *line,
                format!("no endpoint `{id}` has sent a log, enrolled or been given a token"),
            );
        }
    }
    let after = after(&before, &table.changes);
    let full: Vec<u64> = too_many(&after, &table.lines);
    for line in full {
        table.fault(
            line,
            format!("the endpoint would have more than {LABELS_OF_ENDPOINT} labels"),
        );
    }
    if !table.faults.is_empty() {
        let count = table.faults.len();
        super::super::print(&told(&mut table.faults, path))?;
        let hint = match (unknown.is_empty(), allow_unknown) {
            (false, false) => "\nhint: --allow-unknown takes ids that have sent nothing yet",
            _ => "",
        };
        bail!(
            "`{}` has {}; nothing was imported{hint}",
            path.display(),
            counted(count as u64, "fault", "faults")
        );
    }
    let changed = before_and_after(&before, &after);
    let said = format!(
        "{}, {} of them unknown yet",
        counted(table.lines.len() as u64, "row", "rows"),
        unknown.len()
    );
    if dry_run {
        super::super::print(&format!(
            "{said}: {} would change\n",
            counted(changed as u64, "endpoint", "endpoints")
        ))?;
        return Ok(());
    }
    let changed = put(store, "endpoint.import", &before, &after, &table.changes).await?;
    super::super::print(&format!(
        "{said}: {} changed\n",
        counted(changed as u64, "endpoint", "endpoints")
    ))?;
    Ok(())
}

fn before_and_after(before: &Labels, after: &Labels) -> usize {
    let none = BTreeMap::new();
    let changed = after
        .iter()
        .filter(|(id, after)| before.get(*id).unwrap_or(&none) != *after);
    changed.count()
}

fn too_many(after: &Labels, lines: &BTreeMap<String, u64>) -> Vec<u64> {
    let full = after
        .iter()
        .filter(|(_, labels)| labels.len() > LABELS_OF_ENDPOINT);
    full.filter_map(|(id, _)| lines.get(id).copied()).collect()
}

/// Faults by line, as many as people read.
fn told(faults: &mut [Fault], path: &Path) -> String {
    faults.sort_unstable();
    let mut out = String::new();
    for fault in faults.iter().take(FAULTS_TOLD) {
        let _ = writeln!(out, "{}:{}: {}", path.display(), fault.line, fault.what);
    }
    let left = faults.len().saturating_sub(FAULTS_TOLD);
    if left > 0 {
        let _ = writeln!(out, "and {left} more");
    }
    out
}

/// Reads a file; whatever is wrong in it is named with its line.
fn read(bytes: &[u8]) -> Table {
    let mut table = Table::default();
    // A spreadsheet marks its UTF-8 so.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut columns: Option<Vec<Option<String>>> = None;
    let mut first = BTreeMap::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                table.fault(line, format!("no CSV: {error}"));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let cells: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
        let Ok(cells) = cells else {
            table.fault(line, "not UTF-8; save the file as \"CSV UTF-8\"".to_owned());
            if columns.is_none() {
                break;
            }
            continue;
        };
        let Some(columns) = &columns else {
            match head(&mut table, line, &cells) {
                Some(read) => columns = Some(read),
                None => break,
            }
            continue;
        };
        row(&mut table, &mut first, columns, line, &cells);
        if table.lines.len() > ROWS_MAX || table.changes.len() > CHANGES_MAX {
            table.fault(
                line,
                format!("more than {ROWS_MAX} rows or {CHANGES_MAX} labels: split the file"),
            );
            break;
        }
    }
    if columns.is_none() && table.faults.is_empty() {
        table.fault(1, "the file is empty".to_owned());
    }
    table
}

/// The labels of the columns, none for those that are passed over; the first that is `endpoint` stays by its name.
fn head(table: &mut Table, line: u64, cells: &[&str]) -> Option<Vec<Option<String>>> {
    let names: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
    let count = table.faults.len();
    if !names.contains(&"endpoint") {
        let seen = names.iter().any(|name| name.contains(';'));
        let hint = if seen {
            ": columns are parted by commas"
        } else {
            ""
        };
        table.fault(line, format!("no column `endpoint`{hint}"));
    }
    let mut known = BTreeSet::new();
    for name in &names {
        if !known.insert(*name) {
            table.fault(line, format!("two columns `{name}`"));
        } else if !TOLD.contains(name)
            && let Some(wrong) = wrong_label(name)
        {
            table.fault(line, wrong);
        }
    }
    let is_ours = |name: &&str| *name == "endpoint" || !TOLD.contains(name);
    let columns = names
        .iter()
        .map(|name| Some(*name).filter(is_ours).map(str::to_owned));
    (table.faults.len() == count).then(|| columns.collect())
}

fn row(
    table: &mut Table,
    first: &mut BTreeMap<String, u64>,
    columns: &[Option<String>],
    line: u64,
    cells: &[&str],
) {
    if cells.len() != columns.len() {
        let (has, wants) = (cells.len(), columns.len());
        return table.fault(line, format!("{has} cells, but the head has {wants}"));
    }
    let of = |name: &str| {
        columns
            .iter()
            .position(|column| column.as_deref() == Some(name))
    };
    let id = of("endpoint")
        .and_then(|at| cells.get(at))
        .map_or("", |id| id.trim());
    if !is_endpoint_id(id) {
        return table.fault(line, format!("{id:?} is no endpoint's id"));
    }
    if let Some(before) = first.get(id) {
        return table.fault(line, format!("`{id}` stands on line {before} too"));
    }
    first.insert(id.to_owned(), line);
    let mut changes = Vec::new();
    for (column, cell) in std::iter::zip(columns, cells) {
        let value = cell.trim();
        let label = column.as_deref().filter(|label| *label != "endpoint");
        let Some(label) = label.filter(|_| !value.is_empty()) else {
            continue;
        };
        match wrong_value(value) {
            Some(wrong) => table.fault(line, format!("`{label}`: {wrong}")),
            None => changes.push(LabelChange {
                endpoint: id.to_owned(),
                label: label.to_owned(),
                value: value.to_owned(),
            }),
        }
    }
    table.changes.extend(changes);
    table.lines.insert(id.to_owned(), line);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, changes: usize, faults: &[(u64, &str)]) {
        let mut table = read(text.as_bytes());
        table.faults.sort_unstable();
        assert_eq!(table.changes.len(), changes, "{text:?}: {table:?}");
        assert_eq!(
            table.faults.len(),
            faults.len(),
            "{text:?}: {:?}",
            table.faults
        );
        for (fault, (line, what)) in std::iter::zip(&table.faults, faults) {
            assert_eq!(fault.line, *line, "{text:?}: {:?}", table.faults);
            assert!(fault.what.contains(what), "{text:?}: {}", fault.what);
        }
    }

    #[test]
    fn a_table_of_labels_is_read_and_empty_cells_say_nothing() {
        check("endpoint,ring\nPC-1,pilot\nPC-2,\n", 1, &[]);
        check(
            "\u{feff}ring,endpoint,site\r\n pilot ,PC-1,\"Shanghai, Pudong\"\r\n",
            2,
            &[],
        );
        // A list of ours, edited and brought back.
        check(
            "endpoint,name,host,last_seen\nPC-1,Counter,'=1+1,2022-08-18 15:53:46\n",
            1,
            &[],
        );
    }

    #[test]
    fn each_fault_is_named_with_its_line() {
        check(
            "endpoint,ring\nPC-1,pilot\nPC 2,pilot\nPC-3,=1+1\nPC-1,broad\nPC-4\nPC-5,\"two\nlines\"\nPC-6,x\n",
            2,
            &[
                (3, "\"PC 2\" is no endpoint"),
                (4, "formula"),
                (5, "stands on line 2 too"),
                (6, "1 cells, but the head has 2"),
                (7, "no value"),
            ],
        );
        check("", 0, &[(1, "empty")]);
        check("id,ring\nPC-1,x\n", 0, &[(1, "no column `endpoint`")]);
        check(
            "endpoint;ring\nPC-1;x\n",
            0,
            &[(1, "names no label"), (1, "no column")],
        );
        check("endpoint,ring,ring\n", 0, &[(1, "two columns")]);
        check("endpoint,Ring\n", 0, &[(1, "names no label")]);
        let mut bytes = b"endpoint,site\nPC-1,".to_vec();
        bytes.extend(b"\xc9\xcf\xba\xa3\nPC-2,x\n");
        let table = read(&bytes);
        assert_eq!((table.faults.len(), table.faults[0].line), (1, 2));
    }
}
