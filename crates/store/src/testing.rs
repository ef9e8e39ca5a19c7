//! Made-up chunks and events for tests. The lines are ours, not from any log.

use crate::{ChunkRows, StoreError};
use event::{
    Chunk, Day, Event, EventId, Format, Level, LoggedAt, Marker, Month, Noise, Source, StreamId,
    TextEncoding, UnitNews,
};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// What a store says that refuses the rows themselves.
pub fn refusal() -> StoreError {
    let said = "Code: 53. made up: type mismatch".to_owned();
    StoreError::new(
        "insert into `chunks`",
        clickhouse::error::Error::BadResponse(said),
    )
}

/// A chunk of stream 7 of tenant `default`.
pub fn chunk(endpoint: &str, offset: u64, text: &str, open: bool) -> Chunk {
    Chunk {
        tenant: "default".to_owned(),
        endpoint: endpoint.to_owned(),
        source: Source::Cbs,
        stream: StreamId(7 << 32),
        path: "CBS.log".to_owned(),
        offset,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open,
        sender: "test".to_owned(),
        received_ms: 1_700_000_000_000,
        text: text.to_owned(),
    }
}

/// An event of stream 7 whose identity follows from its time and text.
pub fn event(logged: &str, text: &str, offset: u64) -> Event {
    Event {
        id: EventId(xxh3_64(format!("{logged} {text}").as_bytes())),
        source: Source::Cbs,
        stream: StreamId(7 << 32),
        offset,
        length: text.len() as u64,
        open: false,
        logged: LoggedAt::parse(logged.as_bytes()),
        stamp: None,
        level: Level::Info,
        component: "CBS".to_owned(),
        marker: Marker::None,
        codes: Vec::new(),
        rule: String::new(),
        object: String::new(),
        kb: String::new(),
        package: String::new(),
        component_identity: String::new(),
        session: String::new(),
        client: String::new(),
        trace: String::new(),
        fields: Vec::new(),
        text: text.to_owned(),
    }
}

/// The noise form of an event.
pub fn noise(event: &Event, rule: &str, code: Option<event::Code>) -> Noise {
    Noise {
        id: event.id,
        source: event.source,
        stream: event.stream,
        offset: event.offset,
        length: event.length,
        open: event.open,
        logged: event.logged,
        rule: rule.to_owned(),
        code,
        session: String::new(),
    }
}

/// Rows of a chunk whose every line `YYYY-MM-DD HH:MM:SS text` is a record and an event; the last one is open with the chunk.
/// `noise …` lines become noise, `plain …` lines nothing; a `0x…` word is the record's code.
pub fn rows(endpoint: &str, offset: u64, text: &str, open: bool) -> ChunkRows {
    let chunk = chunk(endpoint, offset, text, open);
    let mut rows = ChunkRows::new(chunk);
    let mut at = offset;
    for line in text.split_inclusive('\n') {
        let (head, rest) = line.trim_end().split_at(line.trim_end().len().min(19));
        let mut event = event(head, rest.trim(), at);
        event.id = EventId(xxh3_64(
            format!("{endpoint} {head} {}", rest.trim()).as_bytes(),
        ));
        event.length = line.len() as u64;
        event.open = open && at + event.length == offset + text.len() as u64;
        let code = rest
            .split_whitespace()
            .find_map(|word| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok());
        event.codes.extend(code.map(event::Code::new));
        rows.codes.extend(&event.codes);
        rows.first = rows.first.into_iter().chain(event.logged).min();
        rows.last = rows.last.max(event.logged);
        rows.records += 1;
        at += event.length;
        if rest.contains("noise") {
            rows.noise
                .push(noise(&event, "made-up-noise", event.codes.first().copied()));
        } else if !rest.contains("plain") {
            rows.events.push(event);
        }
    }
    rows.codes.sort_unstable();
    rows.codes.dedup();
    rows.news = news(&rows);
    rows
}

/// News of every day of a chunk's events; where an open record may have been superseded, of every day of every month it spans.
pub fn news(rows: &ChunkRows) -> BTreeMap<Month, UnitNews> {
    let mut news: BTreeMap<Month, UnitNews> = BTreeMap::new();
    for event in &rows.events {
        let day = Day::of(event.logged);
        news.entry(day.month()).or_default().days.insert(day);
    }
    if news.is_empty() {
        let months = rows.months().into_iter();
        return months
            .map(|month| (month, UnitNews::of_all_days()))
            .collect();
    }
    news
}
