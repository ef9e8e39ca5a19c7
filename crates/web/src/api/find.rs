//! `/endpoints/{id}/find`: the next record of a log that has a text or a level, or the first that was logged at some time. One question reads
//! so much of the log and says how far it came: whoever asks goes on from there.

use super::{
    no_stream,
    records::{Place, places},
    shown, stream_of,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    looks::Look,
    roles::Asker,
    schema::LogLevel,
    server::Web,
};
use axum::extract::{Path, Query, State};
use event::{LoggedAt, StreamId};
use serde::{Deserialize, Serialize};
use store::RawWindow;
use utoipa::{IntoParams, ToSchema};

/// Source bytes of one reading.
const STEP: u64 = 4 << 20;

/// Readings of one question: 32 MiB, about a third of a second (a guess from what a download takes). The next question goes on behind.
const STEPS: u32 = 8;

/// Source bytes that are read to see when a place of the log was written.
const PEEK: u64 = 64 << 10;

/// A text that is looked for is what a person types or pastes.
const TEXT_MAX: usize = 1_000;

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// The `stream` of a log.
    stream: String,
    /// Records that begin at this source byte and after it; with `way=previous` those that begin before it.
    #[serde(default)]
    from: u64,
    /// Which way.
    #[serde(default)]
    #[param(inline)]
    way: Way,
    /// Words of the record, of 1,000 bytes at most; capitals are no other letters.
    #[serde(default)]
    text: String,
    /// The level of the record.
    #[serde(default)]
    #[param(value_type = Option<LogLevel>, inline)]
    level: String,
    /// As logged, `2024-05-01T08:00` or with seconds: the first record of that time or later, wherever `from` is.
    time: Option<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Way {
    #[default]
    Next,
    Previous,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FoundRecord)]
pub(crate) struct Found {
    /// Where the record begins; nothing where none was met yet.
    offset: Option<u64>,
    /// The log was read up to here, or down to here.
    reached: u64,
    /// Whether there is more to read that way.
    more: bool,
    /// Bytes of the whole log.
    end: u64,
}

pub(crate) async fn find(
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    asker: Asker,
) -> Result<Found> {
    let log = Log::new(&web, &id, &asked.stream)?;
    let found = match &asked.time {
        Some(time) => log.at_time(time_of(time)?).await?,
        None => {
            let wanted = Wanted::new(&asked)?;
            match asked.way {
                Way::Next => log.next(&wanted, asked.from).await?,
                Way::Previous => log.previous(&wanted, asked.from).await?,
            }
        }
    };
    // Whoever asks where a word stands looks at the log.
    let low = asked.from.min(found.reached);
    let bytes = low..asked.from.max(found.reached);
    let looks = Look::at(&id, [(log.stream, bytes)]);
    web.note(&asker, &looks).await?;
    Ok(Json(found))
}

fn time_of(text: &str) -> std::result::Result<LoggedAt, ApiError> {
    let spelled = match text.len() {
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let whole = spelled.len() == 19;
    let at = LoggedAt::parse(spelled.replacen('T', " ", 1).as_bytes());
    at.filter(|_| whole).ok_or_else(|| ApiError::Request {
        message: format!("`time={}` is no time", shown(text)),
        hint: "write it as the log does, like 2024-05-01T08:00:00",
    })
}

/// What a record must have.
struct Wanted {
    /// In lower case; empty = any text.
    text: String,
    level: String,
}

impl Wanted {
    fn new(asked: &Asked) -> std::result::Result<Self, ApiError> {
        let text = asked.text.trim().to_lowercase();
        if text.is_empty() && asked.level.is_empty() {
            return Err(ApiError::Request {
                message: "nothing is looked for".to_owned(),
                hint: "give text, level or time",
            });
        }
        if text.len() > TEXT_MAX {
            return Err(ApiError::Request {
                message: format!("`text` has {} bytes", text.len()),
                hint: "a text of at most 1000 bytes is looked for",
            });
        }
        Ok(Self {
            text,
            level: asked.level.clone(),
        })
    }

    /// As the page narrows what it has loaded: capitals are no other letters.
    fn has(&self, place: &Place<'_>) -> bool {
        let head = place.record.head();
        let level = head.map_or("unknown", |head| head.level.name());
        (self.level.is_empty() || self.level == level)
            && (self.text.is_empty() || self.is_in(&place.record.text()))
    }

    fn is_in(&self, text: &str) -> bool {
        // Most text is ASCII, of which lower case is as long and cheap.
        match text.is_ascii() && self.text.is_ascii() {
            true => {
                let (text, wanted) = (text.as_bytes(), self.text.as_bytes());
                text.windows(wanted.len())
                    .any(|window| window.eq_ignore_ascii_case(wanted))
            }
            false => text.to_lowercase().contains(&self.text),
        }
    }
}

struct Log<'a> {
    web: &'a Web,
    id: &'a str,
    stream: StreamId,
}

type Answer = std::result::Result<Found, ApiError>;

impl<'a> Log<'a> {
    fn new(web: &'a Web, id: &'a str, stream: &str) -> std::result::Result<Self, ApiError> {
        let stream = stream_of(stream)?;
        Ok(Self { web, id, stream })
    }

    /// Source bytes from a place on.
    async fn window(&self, at: u64, bytes: u64) -> std::result::Result<RawWindow, ApiError> {
        let (store, tenant) = (&self.web.store, &self.web.tenant);
        let window = store.raw_window(tenant, self.id, self.stream, at, 0, bytes);
        let window = window.await?;
        if window.end == 0 {
            return Err(no_stream(self.id, self.stream));
        }
        Ok(window)
    }

    async fn text_from(&self, at: u64) -> std::result::Result<Option<u64>, ApiError> {
        let (store, tenant) = (&self.web.store, &self.web.tenant);
        Ok(store.text_from(tenant, self.id, self.stream, at).await?)
    }

    async fn next(&self, wanted: &Wanted, from: u64) -> Answer {
        let mut at = from;
        let mut end = 0;
        for _ in 0..STEPS {
            let window = self.window(at, STEP).await?;
            end = window.end;
            let until = at.saturating_add(STEP);
            let offset = first_of(&window, |place| {
                (at..until).contains(&place.offset) && wanted.has(place)
            });
            if let Some(offset) = offset {
                return Ok(Found {
                    offset: Some(offset),
                    reached: offset,
                    more: true,
                    end,
                });
            }
            if until >= end {
                return Ok(Found {
                    offset: None,
                    reached: end,
                    more: false,
                    end,
                });
            }
            // Much of an old log may be gone.
            match self.text_from(until).await? {
                Some(next) => at = next,
                None => {
                    return Ok(Found {
                        offset: None,
                        reached: end,
                        more: false,
                        end,
                    });
                }
            }
        }
        Ok(Found {
            offset: None,
            reached: at,
            more: true,
            end,
        })
    }

    async fn previous(&self, wanted: &Wanted, from: u64) -> Answer {
        let mut until = from;
        let mut end = 0;
        for _ in 0..STEPS {
            let at = until.saturating_sub(STEP);
            let window = self.window(at, until - at).await?;
            end = window.end;
            // What lies behind the end holds nothing.
            until = until.min(end);
            let mut last = None;
            first_of(&window, |place| {
                if (at..until).contains(&place.offset) && wanted.has(place) {
                    last = Some(place.offset);
                }
                false
            });
            if let Some(offset) = last {
                return Ok(Found {
                    offset: Some(offset),
                    reached: offset,
                    more: true,
                    end,
                });
            }
            if at <= window.first {
                return Ok(Found {
                    offset: None,
                    reached: at,
                    more: false,
                    end,
                });
            }
            until = at;
        }
        Ok(Found {
            offset: None,
            reached: until,
            more: true,
            end,
        })
    }

    /// The first record of a time or later, where clocks of the log only go on; near it where they were set back.
    async fn at_time(&self, time: LoggedAt) -> Answer {
        let window = self.window(0, 0).await?;
        let (mut low, end) = (window.first, window.end);
        let mut high = end;
        // Everything before `low` is earlier, and what begins at `high` is not.
        while high - low > PEEK {
            let middle = low + (high - low) / 2;
            match self.time_from(middle, high).await? {
                Some((_, at)) if at >= time => high = middle,
                Some((offset, _)) => low = offset.max(middle),
                None => high = middle,
            }
        }
        // Where what the last question said is not the beginning of a record, it begins behind.
        let window = self.window(low, (high - low).saturating_add(PEEK)).await?;
        let is_there = |place: &Place<'_>| {
            let at = place.record.head().and_then(|head| head.logged);
            place.offset >= low && at.is_some_and(|at| at >= time)
        };
        let mut offset = first_of(&window, is_there);
        if offset.is_none() && high < end {
            // Behind text that is gone.
            offset = self.time_from(high, end).await?.map(|(offset, _)| offset);
        }
        Ok(Found {
            offset,
            reached: offset.unwrap_or(end),
            more: false,
            end,
        })
    }

    /// The first record from a place on that has a time, and begins before another.
    async fn time_from(
        &self,
        from: u64,
        until: u64,
    ) -> std::result::Result<Option<(u64, LoggedAt)>, ApiError> {
        let mut at = from;
        while let Some(next) = self.text_from(at).await?.filter(|next| *next < until) {
            let window = self.window(next, PEEK).await?;
            let mut found = None;
            first_of(&window, |place| {
                let logged = place.record.head().and_then(|head| head.logged);
                found = logged.map(|logged| (place.offset, logged));
                place.offset >= next && place.offset < until && found.is_some()
            });
            if let Some(found) = found.filter(|(offset, _)| (next..until).contains(offset)) {
                return Ok(Some(found));
            }
            at = next.saturating_add(PEEK);
        }
        Ok(None)
    }
}

/// The place of the first record that is wanted.
fn first_of(window: &RawWindow, mut is_wanted: impl FnMut(&Place<'_>) -> bool) -> Option<u64> {
    for slice in &window.slices {
        let found = places(slice).into_iter().find(|place| is_wanted(place));
        if let Some(found) = found {
            return Some(found.offset);
        }
    }
    None
}
