//! Lists as files: CSV for spreadsheets, a JSON object a line for programs. Each is bounded, says so in itself where it was cut, and has
//! its row in the audit before its first byte goes out.

use super::filter::now;
use crate::{
    document::{Content, Input, Output, Told},
    error::ApiError,
    guard,
    roles::Asker,
    server::Web,
};
use axum::{
    extract::FromRequestParts,
    http::{Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use event::is_formula;
use serde::Serialize;
use serde_json::json;
use std::marker::PhantomData;
use store::Action;
use utoipa::ToSchema;

/// Lines of a file: more than a fleet has machines, and some 20 MB of them.
pub(super) const LINES_MAX: usize = 100_000;

/// Bytes of a file, whatever its lines hold: it is made in memory, and a list of evidence has lines of 100 KB.
const BYTES_MAX: usize = 64 << 20;

/// Of an address as the audit keeps it: a filter of eight labels fits several times.
const ADDRESS_MAX: usize = 2_048;

/// One line of a list: in NDJSON the object that a page is given, in CSV its cells.
pub(super) trait Line: Serialize {
    /// What the cells are.
    const COLUMNS: &'static [&'static str];

    /// As many as there are columns.
    fn cells(&self) -> Vec<String>;
}

/// The rows of a list, and how many it has in all; nothing where nobody counted them.
pub(super) struct List<T> {
    pub(super) rows: Vec<T>,
    pub(super) total: Option<u64>,
}

impl<T> List<T> {
    pub(super) fn whole(rows: Vec<T>) -> Self {
        let total = Some(rows.len() as u64);
        Self { rows, total }
    }
}

/// A list as a file, and what its lines are.
pub(crate) struct File<T> {
    response: Response,
    rows: PhantomData<T>,
}

pub(crate) type FileOf<T> = Result<File<T>, ApiError>;

impl<T> IntoResponse for File<T> {
    fn into_response(self) -> Response {
        self.response
    }
}

impl<T: Line + ToSchema> Output for File<T> {
    fn describe(path: &str, told: &mut Told) {
        // A file is whole.
        told.forget(&["limit", "after"]);
        let content = match path.ends_with(".csv") {
            true => Content::csv(T::COLUMNS),
            false => Content::lines::<T>(told),
        };
        told.answer(content);
    }
}

/// What is asked for as a file, and by whom.
pub(crate) struct Asking {
    is_csv: bool,
    /// Below `/api/v1`.
    address: Uri,
    asker: Asker,
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = ApiError;

    /// Refused where a page elsewhere has the file in itself.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        guard::check_embedding(&parts.headers)?;
        let Ok(asker) = Asker::from_request_parts(parts, state).await;
        Ok(Self {
            is_csv: !parts.uri.path().ends_with(".ndjson"),
            address: parts.uri.clone(),
            asker,
        })
    }
}

impl Input for Asking {}

impl Asking {
    /// A list as the file that was asked for, once the audit knows of it. `name` is what it is saved under, without its ending.
    pub(super) async fn file<T: Line>(self, web: &Web, name: &str, list: List<T>) -> FileOf<T> {
        let made = match self.is_csv {
            true => csv_of(&list, BYTES_MAX),
            false => ndjson_of(&list, BYTES_MAX),
        };
        let told = json!({ "rows": made.rows, "bytes": made.body.len(), "cut": made.is_cut });
        self.note(web, "list.export", &told).await?;
        let (kind, ending) = match self.is_csv {
            true => ("text/csv; charset=utf-8", "csv"),
            false => ("application/x-ndjson", "ndjson"),
        };
        Ok(File {
            response: saved(kind, &format!("{name}.{ending}"), made.body),
            rows: PhantomData,
        })
    }

    /// Puts into the audit that something leaves the store. Without its row nothing does.
    pub(super) async fn note(
        &self,
        web: &Web,
        action: &str,
        told: &serde_json::Value,
    ) -> Result<(), ApiError> {
        let action = Action {
            action: action.to_owned(),
            object: as_object(&self.address),
            before: String::new(),
            after: told.to_string(),
        };
        web.store
            .audit(
                &web.tenant,
                self.asker.name(),
                now().0 * 1_000,
                std::slice::from_ref(&action),
            )
            .await
            .map_err(ApiError::Unaudited)
    }
}

/// An address as the audit keeps it.
pub(super) fn as_object(address: &Uri) -> String {
    let mut object = address.to_string();
    object.truncate(object.floor_char_boundary(ADDRESS_MAX));
    object
}

/// An answer that a browser saves.
pub(super) fn saved(kind: &'static str, name: &str, body: Vec<u8>) -> Response {
    let name: String = name
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => letter,
            _ => '_',
        })
        .collect();
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, body).into_response()
}

/// A file, and how much of the list it holds.
struct Made {
    body: Vec<u8>,
    rows: usize,
    is_cut: bool,
}

/// A list that was cut says so in itself, because a file is handed on without its address.
fn cut_line(rows: usize, total: Option<u64>) -> String {
    match total {
        Some(total) => format!("cut after {rows} of {total} lines"),
        None => format!("cut after {rows} lines"),
    }
}

fn csv_of<T: Line>(list: &List<T>, bytes_max: usize) -> Made {
    // Spreadsheets take a file without the mark for one of their own code page.
    let mut body = "\u{feff}".as_bytes().to_vec();
    body.extend(csv_line(T::COLUMNS.iter().copied()));
    let mut rows = 0;
    for row in list.rows.iter().take(LINES_MAX) {
        let cells = row.cells();
        debug_assert_eq!(cells.len(), T::COLUMNS.len());
        let line = csv_line(cells.iter().map(String::as_str));
        if body.len() + line.len() > bytes_max {
            break;
        }
        body.extend(line);
        rows += 1;
    }
    let is_cut = list.is_more_than(rows);
    if is_cut {
        let told = cut_line(rows, list.total);
        let rest = T::COLUMNS.iter().skip(1).map(|_| "");
        body.extend(csv_line(std::iter::once(told.as_str()).chain(rest)));
    }
    Made { body, rows, is_cut }
}

fn csv_line<'a>(cells: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut line = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    line.write_record(cells.map(cell))
        .expect("a line is written to memory");
    line.into_inner().expect("memory is flushed")
}

/// A cell that no spreadsheet takes for a formula and no terminal for a command.
fn cell(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| match letter {
            // Programs that read a table a line at a time would take the rest for another row.
            '\n' | '\r' => ' ',
            letter if harmless::is_unsafe(letter) => '\u{fffd}',
            letter => letter,
        })
        .collect();
    // A line break before one is a blank by now, and not every program leaves blanks alone.
    match is_formula(&text) || is_formula(text.trim_start()) {
        true => format!("'{text}"),
        false => text,
    }
}

fn ndjson_of<T: Line>(list: &List<T>, bytes_max: usize) -> Made {
    let mut body = Vec::new();
    let mut rows = 0;
    for row in list.rows.iter().take(LINES_MAX) {
        let line = serde_json::to_string(row).expect("rows have names for keys");
        let line = harmless::json(&line);
        if body.len() + line.len() >= bytes_max {
            break;
        }
        body.extend(line.as_bytes());
        body.push(b'\n');
        rows += 1;
    }
    let is_cut = list.is_more_than(rows);
    if is_cut {
        let told = json!({ "cut": cut_line(rows, list.total) });
        body.extend(format!("{told}\n").as_bytes());
    }
    Made { body, rows, is_cut }
}

impl<T> List<T> {
    fn is_more_than(&self, rows: usize) -> bool {
        rows < self.rows.len() || self.total.is_none_or(|total| total > rows as u64)
    }
}

/// What is not there is an empty cell.
pub(super) fn or_empty<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        count: u64,
    }

    impl Line for Row {
        const COLUMNS: &'static [&'static str] = &["name", "count"];

        fn cells(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.count.to_string()]
        }
    }

    fn list(names: &[&'static str], total: Option<u64>) -> List<Row> {
        let rows = names.iter().map(|name| Row { name, count: 1 });
        List {
            rows: rows.collect(),
            total,
        }
    }

    fn text(made: &Made) -> &str {
        std::str::from_utf8(&made.body).expect("text")
    }

    #[test]
    fn no_cell_is_a_formula_and_none_drives_a_terminal() {
        let names = [
            "=1+1",
            "@SUM(A1)",
            "a\u{1b}[2J,\"b\"",
            "中文\n",
            "-1",
            "＝1",
            "\r\n=1",
        ];
        let made = csv_of(&list(&names, Some(7)), BYTES_MAX);
        assert!(!made.is_cut && made.rows == 7);
        assert_eq!(
            text(&made),
            "\u{feff}name,count\r\n'=1+1,1\r\n'@SUM(A1),1\r\n\"a\u{fffd}[2J,\"\"b\"\"\",1\r\n中文 ,1\r\n'-1,1\r\n'＝1,1\r\n'  =1,1\r\n"
        );
        let made = ndjson_of(&list(&["a\u{1b}b\n\u{202e}", "=1"], Some(2)), BYTES_MAX);
        assert!(!text(&made).contains(['\u{1b}', '\u{202e}']));
        let lines: Vec<serde_json::Value> = text(&made)
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object a line"))
            .collect();
        // For programs, so nothing is put before what a spreadsheet would take for a formula.
        assert_eq!(
            lines,
            [
                json!({"name": "a\u{1b}b\n\u{202e}", "count": 1}),
                json!({"name": "=1", "count": 1})
            ]
        );
    }

    #[test]
    fn a_list_that_was_cut_says_so_in_its_last_line() {
        for (total, said) in [
            (Some(9), "cut after 2 of 9 lines"),
            (None, "cut after 2 lines"),
        ] {
            let list = list(&["a", "b"], total);
            let made = csv_of(&list, BYTES_MAX);
            assert!(made.is_cut && text(&made).ends_with(&format!("b,1\r\n{said},\r\n")));
            let made = ndjson_of(&list, BYTES_MAX);
            assert!(made.is_cut && text(&made).ends_with(&format!("{{\"cut\":\"{said}\"}}\n")));
        }
        // Too many bytes cut it too, at a line.
        let list = list(&["a", "b", "c"], Some(3));
        let made = csv_of(&list, 25);
        assert_eq!(
            text(&made),
            "\u{feff}name,count\r\na,1\r\nb,1\r\ncut after 2 of 3 lines,\r\n"
        );
        let made = ndjson_of(&list, 50);
        assert_eq!((made.rows, made.is_cut), (2, true));
    }
}
