//! `/endpoints/{id}/log`: a log to take home, as text. It is bounded, says in itself what of it is not held and where it was cut, and has its
//! row in the audit before its first byte goes out.

use super::{
    file::{Asking, saved},
    no_stream,
    records::places,
    stream_of,
};
use crate::{
    document::{Content, Output, Told},
    error::ApiError,
    server::Web,
};
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;
use store::RawSlice;
use utoipa::IntoParams;

/// Bytes of text in one file: a day of the busiest log, and a third of what a page may hold in memory at once. The rest is asked for from
/// where it was cut.
const TEXT_MAX: usize = 32 << 20;

/// Source bytes that are read at a time.
const STEP: u64 = 4 << 20;

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// The `stream` of a log.
    stream: String,
    /// The source byte that it begins with.
    #[serde(default)]
    from: u64,
}

pub(crate) async fn log_file(
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    asking: Asking,
) -> Result<LogText, ApiError> {
    let stream = stream_of(&asked.stream)?;
    let store = &web.store;
    let mut log = Text::new(asked.from);
    let mut at = asked.from;
    let end = loop {
        let window = store.raw_window(&web.tenant, &id, stream, at, 0, STEP);
        let window = window.await?;
        if window.end == 0 {
            return Err(no_stream(&id, stream));
        }
        let until = at.saturating_add(STEP);
        for slice in &window.slices {
            log.add(slice, at..until);
        }
        if log.cut.is_some() || until >= window.end {
            break window.end;
        }
        // Much of an old log may be gone: what is left is looked for rather than waited for.
        match store.text_from(&web.tenant, &id, stream, until).await? {
            Some(next) => at = next,
            None => break window.end,
        }
    };
    let (to, path) = (log.cut.unwrap_or(end), std::mem::take(&mut log.path));
    let is_cut = log.cut.is_some();
    let text = log.finish(end);
    let told = json!({
        "endpoint": id, "stream": asked.stream, "path": path, "from": asked.from, "to": to, "bytes": text.len(), "cut": is_cut,
    });
    asking.note(&web, "log.export", &told).await?;
    let file = path.rsplit(['\\', '/']).next().unwrap_or_default();
    let name = match file {
        "" => format!("{id}-{stream}.log"),
        file => format!("{id}-{file}"),
    };
    let response = saved("text/plain; charset=utf-8", &name, text.into_bytes());
    Ok(LogText(response))
}

/// A log as a file.
pub(crate) struct LogText(Response);

impl IntoResponse for LogText {
    fn into_response(self) -> Response {
        self.0
    }
}

impl Output for LogText {
    fn describe(_: &str, told: &mut Told) {
        told.answer(Content::text(
            "What was sent of it, in UTF-8, up to 32 MiB. Lines `[cbsift: …]` say which bytes are not held, and where it was cut and goes on.",
        ));
    }
}

/// A log as it is put together.
struct Text {
    text: String,
    path: String,
    /// Source bytes up to here are in it, or told of.
    reach: u64,
    /// The first record that it had no room for.
    cut: Option<u64>,
    max: usize,
}

impl Text {
    fn new(from: u64) -> Self {
        Self {
            text: String::new(),
            path: String::new(),
            reach: from,
            cut: None,
            max: TEXT_MAX,
        }
    }

    /// The records of a slice that begin in a range: the next range begins where this one ends.
    fn add(&mut self, slice: &RawSlice, range: std::ops::Range<u64>) {
        if self.path.is_empty() {
            self.path.clone_from(&slice.path);
        }
        for place in places(slice) {
            if self.cut.is_some() || !range.contains(&place.offset) {
                continue;
            }
            self.miss(slice.from);
            if self.text.len() + place.record.raw.len() > self.max {
                self.cut = Some(place.offset);
                return;
            }
            self.text.push_str(place.record.raw);
            self.reach = self.reach.max(slice.until);
        }
    }

    /// Says what is not held before a place.
    fn miss(&mut self, until: u64) {
        if self.reach < until {
            let line = format!("bytes {} to {until} are not held", self.reach);
            self.say(&line);
            self.reach = until;
        }
    }

    fn say(&mut self, line: &str) {
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
        self.text.push_str(&format!("[cbsift: {line}]\n"));
    }

    fn finish(mut self, end: u64) -> String {
        match self.cut {
            Some(cut) => self.say(&format!(
                "cut here; the rest of {end} bytes begins with from={cut}"
            )),
            None => self.miss(end),
        }
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Format, Source, TextEncoding};

    // Made-up lines.
    const LINES: [&str; 3] = [
        "2024-05-01 08:00:00, Info                  CBS    one\r\n",
        "2024-05-01 08:00:01, Info                  CBS    two\r\n",
        "2024-05-01 08:00:02, Info                  CBS    three\r\n",
    ];
    const LENGTH: u64 = LINES[0].len() as u64;

    fn slice(offset: u64, lines: &[&str]) -> RawSlice {
        let text = lines.concat();
        let length = text.len() as u64;
        RawSlice {
            path: "C:\\Logs\\CBS.log".to_owned(),
            source: Source::Cbs,
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            offset,
            length,
            from: offset,
            until: offset + length,
            text,
        }
    }

    #[test]
    fn a_log_is_put_together_from_its_slices_once_and_says_what_is_not_held() {
        let mut log = Text::new(0);
        // A range ends inside of a slice, which the next one has too.
        let first = slice(0, &LINES[..2]);
        log.add(&first, 0..LENGTH);
        log.add(&first, LENGTH..LENGTH * 9);
        let later = slice(1_000, &LINES[2..]);
        log.add(&later, LENGTH..2_000);
        let end = 1_000 + LINES[2].len() as u64;
        assert_eq!(
            log.finish(end),
            format!(
                "{}{}[cbsift: bytes {} to 1000 are not held]\n{}",
                LINES[0],
                LINES[1],
                LENGTH * 2,
                LINES[2]
            )
        );
    }

    #[test]
    fn a_log_that_was_cut_says_where_it_goes_on() {
        let mut log = Text {
            max: LINES[0].len() + 1,
            ..Text::new(0)
        };
        log.add(&slice(0, &LINES), 0..9_999);
        assert_eq!(log.cut, Some(LENGTH));
        let text = log.finish(500);
        let rest = format!("[cbsift: cut here; the rest of 500 bytes begins with from={LENGTH}]\n");
        assert_eq!(text, format!("{}{rest}", LINES[0]));
        // What is gone at the end is told too.
        let mut log = Text::new(0);
        log.add(&slice(0, &LINES[..1]), 0..9_999);
        assert!(
            log.finish(700)
                .ends_with(&format!("bytes {LENGTH} to 700 are not held]\n"))
        );
    }
}
