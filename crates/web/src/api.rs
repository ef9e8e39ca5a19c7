//! Questions of the pages and their answers; their types and the words beside them are what `/openapi.json` says.

mod alerts;
mod attempt;
mod audit;
mod causes;
mod changes;
mod clock;
mod codes;
mod coverage;
mod derived;
mod endpoint;
mod endpoints;
mod file;
mod filter;
mod find;
mod held;
mod jobs;
mod labels;
mod log;
mod overview;
mod pages;
mod records;
mod rows;
mod search;
mod status;
mod system;
mod unexplained;
mod updates;
mod whole;

pub(crate) use alerts::{alerts, alerts_file};
pub(crate) use attempt::attempt;
pub(crate) use audit::audit;
pub(crate) use causes::{cause, causes, causes_file};
pub(crate) use changes::{Changes, changes};
pub(crate) use codes::{code, codes_file};
pub(crate) use coverage::{clones_file, coverage, coverage_file, lost_file};
pub(crate) use endpoint::endpoint;
pub(crate) use endpoints::{endpoints, endpoints_file};
pub(crate) use filter::now;
pub(crate) use find::find;
pub(crate) use labels::labels;
pub(crate) use log::log_file;
pub(crate) use overview::overview;
pub(crate) use records::records;
pub(crate) use search::search;
pub(crate) use status::status;
pub(crate) use system::system;
pub(crate) use unexplained::{unexplained, unexplained_file};
pub(crate) use updates::{update, updates, updates_file};
pub(crate) use whole::{attempts_file, codes_of_file, findings_file, streams_file};

use crate::error::ApiError;
use axum::http::Uri;
use event::{Code, LoggedAt, StreamId};
use store::{Day, alike};

/// Any other address below `/api`.
pub(crate) async fn unknown(uri: Uri) -> ApiError {
    ApiError::NotFound {
        message: format!("there is no `{}`", uri.path()),
        hint: "/api/v1/openapi.json has every address",
    }
}

/// A code in any spelling that people have at hand: `0x80070570`, `80070570`, `-2147023504`, `ERROR_FILE_CORRUPT`.
fn read_code(text: &str) -> Result<Code, ApiError> {
    let readings = windows_error_codes::decode(text);
    // A plain number of eight hex digits has several readings; the first one is the likeliest.
    readings
        .first()
        .map(|reading| reading.code)
        .ok_or_else(|| ApiError::Request {
            message: format!("`{}` is no code", shown(text)),
            hint: "give it like 0x80070570, or by its name",
        })
}

/// `2022-08-18`
fn read_day(text: &str, name: &str) -> Result<Day, ApiError> {
    let wrong = || ApiError::Request {
        message: format!("`{name}={}` is no day", shown(text)),
        hint: "give it like 2022-08-18",
    };
    if text.len() != 10 || !text.is_ascii() {
        return Err(wrong());
    }
    let midnight = LoggedAt::parse(format!("{text} 00:00:00").as_bytes()).ok_or_else(wrong)?;
    Day::try_from(midnight.0 / 86_400).map_err(|_| wrong())
}

/// Longest name of an object, a package, a client or a component in an answer; the record that holds it has it whole. Windows' own
/// names, with their long paths, are nearly all below a quarter of it.
const NAME_MAX: usize = 1_024;

/// A name as it is shown: whole, or cut and marked so.
fn name(mut text: String) -> String {
    if text.len() > NAME_MAX {
        text.truncate(text.floor_char_boundary(NAME_MAX));
        text.push('…');
    }
    text
}

/// A bounded part of a stranger's text, for error messages.
fn shown(text: &str) -> String {
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(60)
        .collect()
}

fn day(day: Day) -> String {
    let mut text = store::day_start(day).to_string();
    text.truncate(10);
    text
}

/// The stream that an address names.
fn stream_of(text: &str) -> std::result::Result<StreamId, ApiError> {
    text.parse().map_err(|_| ApiError::Request {
        message: format!("`stream={}` is no stream", shown(text)),
        hint: STREAMS,
    })
}

fn no_stream(endpoint: &str, stream: StreamId) -> ApiError {
    ApiError::NotFound {
        message: format!("endpoint `{}` has no stream `{stream}`", shown(endpoint)),
        hint: STREAMS,
    }
}

const STREAMS: &str = "the streams of an endpoint are listed on its page";

fn logged(at: Option<LoggedAt>) -> Option<String> {
    at.map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written_back() {
        for text in ["1990-01-01", "2022-08-18", "2100-12-31"] {
            assert_eq!(day(read_day(text, "from").unwrap()), text);
        }
        for text in [
            "",
            "2022-8-18",
            "2022-13-01",
            "yesterday!",
            "2022-08-18T",
            "２022-0",
        ] {
            assert!(read_day(text, "from").is_err(), "{text}");
        }
    }

    #[test]
    fn a_long_name_is_cut_at_a_character_and_says_so() {
        let exact = "x".repeat(NAME_MAX);
        assert_eq!(name(exact.clone()), exact);
        let cut = name("磁".repeat(NAME_MAX));
        assert!(cut.ends_with("磁…") && cut.len() <= NAME_MAX + "…".len());
    }

    #[test]
    fn a_code_is_read_in_every_spelling() {
        for text in ["0xC0000102", "0xd0000102", "STATUS_FILE_CORRUPT_ERROR"] {
            assert_eq!(
                read_code(text).unwrap().as_logged(),
                Some(Code::new(0xC000_0102)),
                "{text}"
            );
        }
        for text in ["0x80070570", "80070570"] {
            assert_eq!(
                read_code(text).unwrap().as_logged(),
                Some(Code::new(0x8007_0570)),
                "{text}"
            );
        }
        assert!(read_code("<script>").is_err());
    }

    #[test]
    fn codes_that_say_the_same_are_looked_up_together() {
        let corrupt = [Code::new(0x8007_0570), Code::new(0xC000_0102)];
        for text in [
            "0x80070570",
            "0xC0000102",
            "0xD0000102",
            "ERROR_FILE_CORRUPT",
        ] {
            let codes = alike(read_code(text).unwrap());
            assert!(
                corrupt.iter().all(|code| codes.contains(code)),
                "{text}: {codes:?}"
            );
        }
        // A status that is one of several with the same Win32 number does not name the others.
        let locked = alike(read_code("0xC0000022").unwrap());
        assert!(locked.contains(&Code::new(0x8007_0005)));
        assert!(!locked.contains(&Code::new(0xC000_001E)), "{locked:?}");
        assert_eq!(alike(Code::win32(0x0001_0000)), []);
    }
}
