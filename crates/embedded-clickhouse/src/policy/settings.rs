//! Settings, formats and databases that a reader may name, in the address, in headers, in a form or in the statement.

use super::canonical::is_word;
use super::{refused, types};
use crate::engine::DATABASE;
use crate::exception::Exception;

/// What becomes of a reader's setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Goes to the engine, whose profile of readers bounds it further.
    Passed,
    /// Clients send it always, and it changes nothing here.
    Ignored,
}

/// Bounds of the one query, how values look, and no more. Nothing that names a file, changes how a text is parsed
/// (`dialect`, `implicit_select`, …) or what a reader may do.
const PASSED: [&str; 25] = [
    "date_time_output_format",
    "extremes",
    "join_use_nulls",
    "limit",
    "max_block_size",
    "max_bytes_to_read",
    "max_execution_time",
    "max_memory_usage",
    "max_result_bytes",
    "max_result_rows",
    "max_rows_to_read",
    "max_threads",
    "offset",
    "output_format_binary_write_json_as_string",
    "output_format_json_array_of_rows",
    "output_format_json_escape_forward_slashes",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_quote_64bit_floats",
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_decimals",
    "output_format_json_quote_denormals",
    "output_format_native_write_json_as_string",
    "output_format_write_statistics",
    "result_overflow_mode",
    "session_timezone",
];

/// What `clickhouse-connect`, the official clients of Rust and JavaScript, and Grafana's plugin send by themselves.
const IGNORED: [&str; 11] = [
    "async_insert",
    "cancel_http_readonly_queries_on_client_close",
    "cast_string_to_dynamic_use_inference",
    "date_time_input_format",
    "http_headers_progress_interval_ms",
    "http_receive_timeout",
    "http_send_timeout",
    "log_comment",
    "send_progress_in_http_headers",
    "wait_for_async_insert",
    "http_write_exception_in_output_format",
];

/// Output formats, all of which are made from the rows alone: none reads a schema, a template or a delimiter from a file.
const FORMATS: [&str; 58] = [
    "Arrow",
    "ArrowStream",
    "CSV",
    "CSVWithNames",
    "CSVWithNamesAndTypes",
    "JSON",
    "JSONColumns",
    "JSONColumnsWithMetadata",
    "JSONCompact",
    "JSONCompactColumns",
    "JSONCompactEachRow",
    "JSONCompactEachRowWithNames",
    "JSONCompactEachRowWithNamesAndTypes",
    "JSONCompactEachRowWithProgress",
    "JSONCompactStrings",
    "JSONCompactStringsEachRow",
    "JSONCompactStringsEachRowWithNames",
    "JSONCompactStringsEachRowWithNamesAndTypes",
    "JSONEachRow",
    "JSONEachRowWithProgress",
    "JSONLines",
    "JSONObjectEachRow",
    "JSONStrings",
    "JSONStringsEachRow",
    "JSONStringsEachRowWithProgress",
    "LineAsString",
    "Markdown",
    "NDJSON",
    "Native",
    "Null",
    "ORC",
    "Parquet",
    "Pretty",
    "PrettyCompact",
    "PrettyCompactMonoBlock",
    "PrettyMonoBlock",
    "PrettyNoEscapes",
    "PrettySpace",
    "RawBLOB",
    "RowBinary",
    "RowBinaryWithNames",
    "RowBinaryWithNamesAndTypes",
    "TSKV",
    "TSV",
    "TSVRaw",
    "TSVRawWithNames",
    "TSVRawWithNamesAndTypes",
    "TSVWithNames",
    "TSVWithNamesAndTypes",
    "TabSeparated",
    "TabSeparatedRaw",
    "TabSeparatedRawWithNames",
    "TabSeparatedRawWithNamesAndTypes",
    "TabSeparatedWithNames",
    "TabSeparatedWithNamesAndTypes",
    "Values",
    "Vertical",
    "XML",
];

/// What becomes of a setting of a reader; code 452 for one that is on no list.
pub(crate) fn setting(name: &str, value: &str) -> Result<Setting, Exception> {
    if IGNORED.contains(&name) {
        return Ok(Setting::Ignored);
    }
    // The client's habit of saying that it will only read.
    if name == "readonly" && matches!(value, "1" | "2") {
        return Ok(Setting::Ignored);
    }
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'.');
    let is_value = match name {
        "session_timezone" => types::is_zone(value),
        _ => value.bytes().all(is_plain),
    };
    if PASSED.contains(&name) && value.len() <= 64 && is_value {
        return Ok(Setting::Passed);
    }
    Err(not_taken(name))
}

/// Code 452 with the name, as the engine itself says it of a setting with bounds.
pub(super) fn not_taken(name: &str) -> Exception {
    Exception::new(
        452,
        "SETTING_CONSTRAINT_VIOLATION",
        format_args!(
            "a reader may not set `{name}` here or to this; \
             hint: leave it out, or see docs/operations.md for what readers may set at the end of a statement"
        ),
    )
}

/// Whether a reader may have its answer in a format.
pub(crate) fn check_format(name: &str) -> Result<(), Exception> {
    if FORMATS.contains(&name) {
        Ok(())
    } else {
        Err(refused(format_args!("the format `{name}`")))
    }
}

/// Whether a reader names the one database; `default` is what clients say who say nothing.
pub(crate) fn check_database(name: &str) -> Result<(), Exception> {
    if [DATABASE, "default", ""].contains(&name) {
        Ok(())
    } else {
        Err(refused(format_args!("the database `{name}`")))
    }
}

/// Whether a name may go into the text of a `SET` or of a grant as it is.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_word)
}
