//! What other rules would change in what is stored. Reads only; classifies and derives by the functions that live input meets.

mod apply;
mod diff;
mod jobs;

pub use apply::{Pace, apply, sweep};
pub use diff::{
    Change, EventGroup, EventTally, Example, FindingGroup, FindingTally, Plan, UnitChange,
};
pub use jobs::{Refused, begin, files_of, roll_back};

use crate::{Config, step::rows_of};
use classify::{Rules, StreamFacts, UnitInput, derive};
use diff::{differences, example_of};
use event::{Chunk, Event, EventId, Finding, Month, StreamId, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use store::{ChunkMonth, ChunkRows, Piece, Selection, Store, UnitRows, merged};

/// What to classify again, and with what.
pub struct Asked {
    /// Owner of the endpoints.
    pub tenant: String,
    /// Which chunks.
    pub of: Selection,
    /// The rules to try.
    pub rules: Arc<Rules>,
    /// The rules in use, where they can be loaded: they say which category an event has now.
    pub current: Option<Arc<Rules>>,
}

/// Classifies the stored chunks of some days again and says what would change; changes nothing.
///
/// Memory is bounded by what one endpoint has in some three months and in the far-off one, not by the days asked for. `progress` is told of bytes:
/// of all there are to read first, then of each piece.
pub async fn plan(
    store: &Store,
    asked: &Asked,
    progress: &(dyn Fn(Progress) + Sync),
) -> anyhow::Result<Plan> {
    let months = store.chunk_months(&asked.tenant, &asked.of).await?;
    progress(Progress::Total(
        months.iter().map(|month| month.bytes).sum(),
    ));
    let mut plan = Plan::default();
    for of_endpoint in months.chunk_by(|a, b| a.endpoint == b.endpoint) {
        plan.endpoints += 1;
        let mut endpoint = Endpoint {
            store,
            asked,
            name: &of_endpoint[0].endpoint,
            changes: BTreeMap::new(),
            targets: BTreeSet::new(),
        };
        let timeless = endpoint.rows(Month::FAR_OFF, Month::FAR_OFF).await?;
        for chunks in of_endpoint {
            endpoint
                .compare(chunks, &timeless, &mut plan, progress)
                .await?;
            // What starts in later months cannot change events before them.
            endpoint
                .derive_before(Some(chunks.month), &mut plan)
                .await?;
        }
        endpoint.derive_before(AFTER_ALL, &mut plan).await?;
    }
    Ok(plan)
}

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes of text are to be read.
    Total(u64),
    /// So many more were read.
    Read(u64),
}

/// No month is later.
const AFTER_ALL: Option<Month> = None;

struct Endpoint<'a> {
    store: &'a Store,
    asked: &'a Asked,
    name: &'a str,
    /// What becomes of events that change; nothing for those that vanish. Only of months that are still to be derived.
    changes: BTreeMap<EventId, (Month, Option<Event>)>,
    /// Months to derive again.
    targets: BTreeSet<Month>,
}

/// What classification made of the chunks of a month.
#[derive(Default)]
struct Made {
    events: BTreeMap<EventId, Event>,
    noise: BTreeMap<EventId, String>,
    ranges: BTreeMap<StreamId, Vec<(u64, u64)>>,
    months: BTreeSet<Month>,
}

impl Endpoint<'_> {
    async fn rows(&self, from: Month, to: Month) -> anyhow::Result<UnitRows> {
        let rows = self
            .store
            .unit_rows(&self.asked.tenant, self.name, from, to);
        Ok(rows.await?)
    }

    /// Compares what is stored with what the rules make of the chunks that start in a month.
    async fn compare(
        &mut self,
        chunks: &ChunkMonth,
        timeless: &UnitRows,
        plan: &mut Plan,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> anyhow::Result<()> {
        let mut made = self.classify(chunks, plan, progress).await?;
        // What is far off is at hand.
        let mut near = made.months.iter().copied();
        let first = near
            .clone()
            .chain([chunks.month])
            .filter(|month| *month != Month::FAR_OFF)
            .min();
        let from = first.unwrap_or(chunks.month);
        let last = near.next_back().unwrap_or(from);
        let rows = self.rows(from, last.max(from)).await?;
        drop_superseded(&mut made.events, &rows);
        let stored: BTreeMap<EventId, &Event> = timeless
            .events
            .iter()
            .chain(&rows.events)
            .map(|event| (event.id, event))
            .collect();
        let held: BTreeMap<StreamId, Vec<(u64, u64)>> = made
            .ranges
            .iter()
            .map(|(stream, ranges)| (*stream, merged(ranges.iter().copied())))
            .collect();
        for (id, event) in &stored {
            // Only what stands in these chunks can vanish; what they no longer hold is copied as it is.
            let is_held = held.get(&event.stream).is_some_and(|ranges| {
                ranges.iter().any(|&(from, end)| {
                    from <= event.offset && event.offset.saturating_add(event.length) <= end
                })
            });
            if is_held && !made.events.contains_key(id) && !self.changes.contains_key(id) {
                let noise = made.noise.get(id);
                let group = EventGroup {
                    change: Change::Vanishes,
                    from: event.rule.clone(),
                    to: noise.cloned().unwrap_or_default(),
                };
                plan.event(group, &[], || example_of(self.name, event));
                self.change(event, None);
            }
        }
        let current = self.asked.current.as_deref();
        for (id, event) in made.events {
            if self.changes.contains_key(&id) {
                continue;
            }
            match stored.get(&id) {
                None => {
                    let group = EventGroup {
                        change: Change::Appears,
                        from: String::new(),
                        to: event.rule.clone(),
                    };
                    plan.event(group, &[], || example_of(self.name, &event));
                    self.change(&event.clone(), Some(event));
                }
                Some(old) => {
                    let fields = differences(old, &event, current, &self.asked.rules);
                    if fields.is_empty() {
                        plan.unchanged += 1;
                        continue;
                    }
                    let group = EventGroup {
                        change: Change::Changes,
                        from: old.rule.clone(),
                        to: event.rule.clone(),
                    };
                    plan.event(group, &fields, || example_of(self.name, &event));
                    self.change(old, Some(event));
                }
            }
        }
        for month in made.months {
            self.targets.insert(month);
        }
        Ok(())
    }

    fn change(&mut self, event: &Event, becomes: Option<Event>) {
        let month = classify::month_of(event);
        self.targets.extend([month.before(), month, month.after()]);
        self.changes.insert(event.id, (month, becomes));
    }

    async fn classify(
        &self,
        of: &ChunkMonth,
        plan: &mut Plan,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> anyhow::Result<Made> {
        let days = &self.asked.of;
        let (mut made, mut place) = (Made::default(), None);
        let tenant = self.asked.tenant.as_str();
        while let Some((chunks, next)) = self
            .store
            .chunks_after(tenant, self.name, of.month, days, place.as_ref())
            .await?
        {
            place = Some(next);
            let read: u64 = chunks.iter().map(|chunk| chunk.text.len() as u64).sum();
            plan.chunks += chunks.len() as u64;
            plan.bytes += read;
            let rules = Arc::clone(&self.asked.rules);
            let work = move || -> Vec<Option<ChunkRows>> {
                let config = Config::default();
                chunks
                    .into_iter()
                    .map(|chunk: Chunk| rows_of(&rules, &config, Arc::new(chunk)).ok())
                    .collect()
            };
            let classified = tokio::task::spawn_blocking(work)
                .await
                // The error of the task quotes the panic, and that the text of a log.
                .map_err(|_| anyhow::anyhow!("classifying stored chunks panicked"))?;
            for rows in classified {
                match rows {
                    Some(rows) => {
                        plan.records += u64::from(rows.records);
                        made.take(rows);
                    }
                    None => plan.poisoned += 1,
                }
            }
            progress(Progress::Read(read));
        }
        Ok(made)
    }

    /// Derives the months before `end`, which was compared last and is their latest neighbour, and compares them with what
    /// readers see. The far-off month comes last: chunks of any month may hold some of it.
    async fn derive_before(&mut self, end: Option<Month>, plan: &mut Plan) -> anyhow::Result<()> {
        let ready: Vec<Month> = self
            .targets
            .iter()
            .copied()
            .filter(|month| end.is_none_or(|end| *month < end && *month != Month::FAR_OFF))
            .collect();
        if ready.is_empty() {
            return Ok(());
        }
        let stored = self
            .store
            .findings_of_months(&self.asked.tenant, self.name, &ready)
            .await?;
        for month in ready {
            self.targets.remove(&month);
            let now: Vec<&Finding> = stored
                .iter()
                .filter(|(of, _)| *of == month)
                .map(|(_, finding)| finding)
                .collect();
            let then = self.derive(month).await?;
            plan.unit(self.name, month, &now, &then);
        }
        if let Some(end) = end {
            let oldest = end.before();
            self.changes
                .retain(|_, (month, _)| *month >= oldest || *month == Month::FAR_OFF);
        }
        Ok(())
    }

    async fn derive(&self, month: Month) -> anyhow::Result<Vec<Finding>> {
        let rows = self.rows(month, month).await?;
        let view = rows.unit(month);
        let near = month.before()..=month.after();
        let mut events: Vec<Event> = Vec::with_capacity(view.events.len());
        let mut known: BTreeSet<EventId> = BTreeSet::new();
        for event in view.events {
            known.insert(event.id);
            match self.changes.get(&event.id) {
                None => events.push(event.clone()),
                Some((_, Some(becomes))) => events.push(becomes.clone()),
                Some((_, None)) => {}
            }
        }
        let appeared = self
            .changes
            .iter()
            .filter(|(id, (month, _))| near.contains(month) && !known.contains(id));
        events.extend(appeared.filter_map(|(_, (_, becomes))| becomes.clone()));
        let input = UnitInput {
            events,
            streams: view.streams.into_iter().filter_map(stream_facts).collect(),
        };
        let unit = Unit {
            tenant: self.asked.tenant.clone(),
            endpoint: self.name.to_owned(),
            month,
        };
        let rules = Arc::clone(&self.asked.rules);
        let derivation = tokio::task::spawn_blocking(move || derive(&rules, &unit, &input))
            .await
            .map_err(|_| {
                anyhow::anyhow!(
                    "deriving month {month} of endpoint `{}` panicked",
                    self.name
                )
            })?;
        Ok(derivation.findings)
    }
}

impl Made {
    fn take(&mut self, rows: ChunkRows) {
        self.months.extend(rows.months());
        let (chunk, ranges) = (&rows.chunk, &mut self.ranges);
        let range = (chunk.offset, chunk.offset.saturating_add(chunk.length));
        ranges.entry(chunk.stream).or_default().push(range);
        self.noise
            .extend(rows.noise.into_iter().map(|noise| (noise.id, noise.rule)));
        for event in rows.events {
            // Of copies one that is complete.
            match self.events.get(&event.id) {
                Some(known) if !known.open => {}
                _ => {
                    self.events.insert(event.id, event);
                }
            }
        }
    }
}

/// An open record does not count where a piece of its stream goes on over it, as for every reader.
fn drop_superseded(events: &mut BTreeMap<EventId, Event>, rows: &UnitRows) {
    events.retain(|_, event| {
        !event.open
            || !rows.pieces.iter().any(|piece| {
                piece.stream == event.stream
                    && piece.offset <= event.offset
                    && piece.end > event.offset.saturating_add(event.length)
            })
    });
}

/// What the pieces of one stream say of it; nothing where there is none.
fn stream_facts(pieces: &[Piece]) -> Option<StreamFacts> {
    let piece = pieces.first()?;
    Some(StreamFacts {
        stream: piece.stream,
        source: piece.source,
        anchors: pieces
            .iter()
            .flat_map(|piece| piece.anchors.iter().copied())
            .collect(),
        ranges: pieces
            .iter()
            .map(|piece| (piece.offset, piece.end))
            .collect(),
        first: pieces.iter().filter_map(|piece| piece.first).min(),
        last: pieces.iter().filter_map(|piece| piece.last).max(),
    })
}
