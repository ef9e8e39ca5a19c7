//! Storing a batch of classified chunks, in the order that makes a crash harmless.

use crate::{
    derivation::EndpointFacts,
    error::Result,
    inputs::InputRow,
    rows::{
        ChunkRow, ChunkRows, CoverageRow, EventRow, LIVE_GENERATION, NewsRow, NoiseRow,
        OpenNoiseRow, day_of, month_of,
    },
    store::Store,
};
use event::{Chunk, Code, Event, LoggedAt, Month, Noise, Unit, UnitNews};
use futures_util::future::{BoxFuture, try_join, try_join_all, try_join4};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::Semaphore;

/// Chunks that are stored together.
#[derive(Clone, Debug)]
pub struct Batch {
    rule_set: u32,
    news: u64,
    chunks: Vec<ChunkRows>,
    units: BTreeMap<Unit, UnitNews>,
}

impl Batch {
    /// `rule_set` is the sequence of the rule set that classified; `news` names this batch in the outbox and must be new,
    /// unless the same batch is stored again because its outcome was uncertain.
    pub fn new(rule_set: u32, news: u64, mut chunks: Vec<ChunkRows>) -> Self {
        // Whatever the order of arrival, the same chunks make the same bytes.
        chunks.sort_by(|a, b| key(a).cmp(&key(b)));
        let mut units: BTreeMap<Unit, UnitNews> = BTreeMap::new();
        for rows in &chunks {
            for (&month, news) in &rows.news {
                let unit = Unit {
                    tenant: rows.chunk.tenant.clone(),
                    endpoint: rows.chunk.endpoint.clone(),
                    month,
                };
                units
                    .entry(unit)
                    .and_modify(|known| known.add(news))
                    .or_insert_with(|| news.clone());
            }
        }
        Self {
            rule_set,
            news,
            chunks,
            units,
        }
    }

    /// Its name in the outbox.
    pub fn news(&self) -> u64 {
        self.news
    }

    /// What it brings of each unit whose derivation it may change.
    pub fn news_of_units(&self) -> &BTreeMap<Unit, UnitNews> {
        &self.units
    }

    /// What it says of machines: how far their logs reach, and the servicing stack loaded last. With the batch and not with what is
    /// derived of it, so that logs that go on cost one INSERT of it.
    fn facts(&self) -> Vec<EndpointFacts> {
        let mut facts: BTreeMap<(&str, &str), EndpointFacts> = BTreeMap::new();
        let mut names: BTreeMap<(&str, &str), (Option<LoggedAt>, &str)> = BTreeMap::new();
        for rows in self.chunks.iter().filter(|rows| !rows.chunk.is_gap()) {
            let (tenant, endpoint) = (&rows.chunk.tenant, &rows.chunk.endpoint);
            let of_endpoint = facts
                .entry((tenant, endpoint))
                .or_insert_with(|| EndpointFacts {
                    tenant: tenant.clone(),
                    endpoint: endpoint.clone(),
                    host: String::new(),
                    named_at: None,
                    contact_ms: 0,
                    servicing_stack: None,
                    first: rows.first,
                    last: rows.last,
                });
            of_endpoint.contact_ms = of_endpoint.contact_ms.max(rows.chunk.received_ms);
            // Of a machine that was renamed the name of its latest text.
            if let Some(host) = rows.hosts.last() {
                let latest = (rows.last, host.as_str());
                let name = names.entry((tenant, endpoint)).or_insert(latest);
                *name = latest.max(*name);
            }
            of_endpoint.first = of_endpoint.first.into_iter().chain(rows.first).min();
            of_endpoint.last = of_endpoint.last.max(rows.last);
            let stacks = rows.events.iter().filter(|event| !event.open);
            let stacks = stacks.filter_map(EndpointFacts::servicing_stack_of);
            of_endpoint.servicing_stack = of_endpoint
                .servicing_stack
                .take()
                .into_iter()
                .chain(stacks)
                .max();
        }
        for (endpoint, (at, host)) in names {
            if let Some(facts) = facts.get_mut(&endpoint) {
                facts.named_at = at;
                facts.host = host.to_owned();
            }
        }
        facts.into_values().collect()
    }

    /// The chunks, in the order they are stored.
    pub fn chunks(&self) -> &[ChunkRows] {
        &self.chunks
    }

    /// The chunks again, in the order they are stored.
    pub fn into_chunks(self) -> Vec<ChunkRows> {
        self.chunks
    }

    /// Two halves of the same name, to be stored both, or the batch itself where it holds one chunk. Each brings the news of both:
    /// rows of one name fold, and the one that stays must say it all.
    pub fn halve(mut self) -> (Self, Option<Self>) {
        if self.chunks.len() < 2 {
            return (self, None);
        }
        let rest = Self {
            rule_set: self.rule_set,
            news: self.news,
            chunks: self.chunks.split_off(self.chunks.len() / 2),
            units: self.units.clone(),
        };
        (self, Some(rest))
    }
}

/// How batches of very many months are stored: some months at a time, one batch after the other, so that they hold up neither
/// each other nor what is stored beside them.
pub struct Turns {
    /// Months of a turn, hence INSERTs at once.
    months: usize,
    gate: Semaphore,
}

impl Turns {
    /// `months` at a time.
    pub fn new(months: usize) -> Self {
        Self {
            months: months.max(1),
            gate: Semaphore::new(1),
        }
    }

    /// How many months a turn has.
    pub fn months(&self) -> usize {
        self.months
    }
}

fn key(rows: &ChunkRows) -> (&str, &str, u64, u64, u64, u64) {
    let chunk = &rows.chunk;
    (
        &chunk.tenant,
        &chunk.endpoint,
        chunk.stream.0,
        chunk.offset,
        chunk.length,
        rows.content_hash,
    )
}

impl Store {
    /// Stores a batch; when it returns `Ok`, every row is durable. May be called again after an error, and in parallel.
    ///
    /// Order: events, inputs, noise and news, then chunks, then coverage. So a chunk implies its events and their news, and coverage,
    /// which tells a sender where to go on, implies the chunk. A crash in between leaves rows that a repeat folds.
    pub async fn insert_batch(&self, batch: &Batch) -> Result<()> {
        let news = async {
            self.insert_news(batch).await?;
            self.insert_facts(&batch.facts()).await?;
            self.insert_hosts(batch.chunks()).await
        };
        let (events, noise) = (
            self.insert_events(batch, None),
            self.insert_noise(batch, None),
        );
        let inputs = self.insert_inputs(batch, None);
        try_join4(events, inputs, noise, news).await?;
        self.insert_gaps(batch.chunks()).await?;
        self.insert_chunks(batch, None).await
    }

    /// The same in the same order, but taking turns.
    pub async fn insert_batch_in_turns(&self, batch: &Batch, turns: &Turns) -> Result<()> {
        self.insert_events(batch, Some(turns)).await?;
        self.insert_inputs(batch, Some(turns)).await?;
        self.insert_noise(batch, Some(turns)).await?;
        self.insert_news(batch).await?;
        self.insert_facts(&batch.facts()).await?;
        self.insert_hosts(batch.chunks()).await?;
        self.insert_gaps(batch.chunks()).await?;
        self.insert_chunks(batch, Some(turns)).await
    }

    /// Stores what another rule set made of chunks that are stored: their text stays as it is, and so does the day until which it is kept.
    /// Coverage, which says which rule set classified a piece last, comes last. News is the caller's.
    pub async fn insert_reclassified(&self, batch: &Batch, turns: &Turns) -> Result<()> {
        self.insert_events(batch, Some(turns)).await?;
        self.insert_inputs(batch, Some(turns)).await?;
        self.insert_noise(batch, Some(turns)).await?;
        let mut by_month: BTreeMap<Month, Vec<&ChunkRows>> = BTreeMap::new();
        for rows in &batch.chunks {
            by_month.entry(rows.month()).or_default().push(rows);
        }
        let months: Vec<_> = by_month.values().collect();
        self.insert_coverage(&months, batch.rule_set, Some(turns))
            .await
    }

    async fn insert_news(&self, batch: &Batch) -> Result<()> {
        let news = batch
            .units
            .iter()
            .map(|(unit, news)| NewsRow::open(unit, batch.news, news));
        self.insert_rows::<NewsRow<'static>, _>("news", news).await
    }

    async fn insert_chunks(&self, batch: &Batch, turns: Option<&Turns>) -> Result<()> {
        let mut by_month: BTreeMap<Month, Vec<&ChunkRows>> = BTreeMap::new();
        for rows in batch.chunks.iter().filter(|rows| !rows.chunk.is_gap()) {
            by_month.entry(rows.month()).or_default().push(rows);
        }
        let months: Vec<_> = by_month.values().collect();
        each(&months, turns, |rows| {
            let rows = rows.iter().map(|rows| ChunkRow::new(batch.rule_set, rows));
            self.insert_rows::<ChunkRow<'static>, _>("chunks", rows)
        })
        .await?;
        self.insert_coverage(&months, batch.rule_set, turns).await
    }

    async fn insert_coverage(
        &self,
        months: &[&Vec<&ChunkRows>],
        rule_set: u32,
        turns: Option<&Turns>,
    ) -> Result<()> {
        each(months, turns, |rows| {
            let rows = rows.iter().map(|rows| CoverageRow::new(rule_set, rows));
            self.insert_rows::<CoverageRow<'static>, _>("coverage", rows)
        })
        .await
    }

    async fn insert_events(&self, batch: &Batch, turns: Option<&Turns>) -> Result<()> {
        let by_month = events_by_month(batch);
        let months: Vec<_> = by_month.values().collect();
        each(&months, turns, |events| {
            let rows = events
                .iter()
                .map(|(chunk, event)| EventRow::new(batch.rule_set, chunk, event));
            self.insert_rows::<EventRow<'static>, _>("events", rows)
        })
        .await
    }

    async fn insert_inputs(&self, batch: &Batch, turns: Option<&Turns>) -> Result<()> {
        let by_month = events_by_month(batch);
        let months: Vec<_> = by_month.values().collect();
        each(&months, turns, |events| {
            let rows = events
                .iter()
                .map(|(chunk, event)| InputRow::new(batch.rule_set, chunk, event));
            self.insert_rows::<InputRow<'static>, _>("day_inputs", rows)
        })
        .await
    }

    async fn insert_noise(&self, batch: &Batch, turns: Option<&Turns>) -> Result<()> {
        let mut sets: BTreeMap<Month, BTreeMap<NoiseKey<'_>, BTreeSet<u64>>> = BTreeMap::new();
        let mut open: BTreeMap<Month, Vec<(&Chunk, &Noise)>> = BTreeMap::new();
        for rows in &batch.chunks {
            for noise in &rows.noise {
                let month = month_of(noise.logged);
                if noise.open {
                    open.entry(month).or_default().push((&rows.chunk, noise));
                } else {
                    let set = sets.entry(month).or_default();
                    set.entry(NoiseKey::new(&rows.chunk, noise))
                        .or_default()
                        .insert(noise.id.0);
                }
            }
        }
        let sets: Vec<Vec<(NoiseKey<'_>, Vec<u64>)>> = sets
            .into_values()
            .map(|sets| {
                sets.into_iter()
                    .map(|(key, ids)| (key, ids.into_iter().collect()))
                    .collect()
            })
            .collect();
        let sets: Vec<_> = sets.iter().collect();
        let closed = each(&sets, turns, |sets| {
            self.insert_rows::<NoiseRow<'static>, _>(
                "noise",
                sets.iter().map(|(key, ids)| key.row(ids)),
            )
        });
        let open: Vec<_> = open.values().collect();
        let open = each(&open, turns, |noise| {
            let rows = noise
                .iter()
                .map(|(chunk, noise)| OpenNoiseRow::new(chunk, noise));
            self.insert_rows::<OpenNoiseRow<'static>, _>("open_noise", rows)
        });
        try_join(closed, open).await?;
        Ok(())
    }
}

fn events_by_month(batch: &Batch) -> BTreeMap<Month, Vec<(&Chunk, &Event)>> {
    let mut by_month: BTreeMap<Month, Vec<(&Chunk, &Event)>> = BTreeMap::new();
    for rows in &batch.chunks {
        for event in &rows.events {
            by_month
                .entry(month_of(event.logged))
                .or_default()
                .push((&rows.chunk, event));
        }
    }
    by_month
}

/// Inserts months all at once, or in turns.
async fn each<'a, T>(
    months: &[&'a T],
    turns: Option<&Turns>,
    insert: impl Fn(&'a T) -> BoxFuture<'a, Result<()>>,
) -> Result<()> {
    let Some(turns) = turns else {
        try_join_all(months.iter().map(|month| insert(month))).await?;
        return Ok(());
    };
    for some in months.chunks(turns.months) {
        // Whoever asked first is let in first. The gate is never closed, so no error comes of it.
        let _turn = turns.gate.acquire().await.ok();
        try_join_all(some.iter().map(|month| insert(month))).await?;
    }
    Ok(())
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct NoiseKey<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    source: &'a str,
    rule: &'a str,
    code: u32,
    session: &'a str,
}

impl<'a> NoiseKey<'a> {
    fn new(chunk: &'a Chunk, noise: &'a Noise) -> Self {
        Self {
            tenant: &chunk.tenant,
            day: day_of(noise.logged),
            endpoint: &chunk.endpoint,
            source: noise.source.name(),
            rule: &noise.rule,
            code: noise.code.map_or(0, Code::value),
            session: &noise.session,
        }
    }

    fn row(&self, ids: &'a [u64]) -> NoiseRow<'a> {
        NoiseRow {
            tenant: self.tenant,
            day: self.day,
            endpoint: self.endpoint,
            source: self.source,
            rule: self.rule,
            code: self.code,
            session: self.session,
            generation: LIVE_GENERATION,
            ids,
        }
    }
}
