//! Events as derivations read them: by endpoint and day, landmarks apart, so that a day is derived without reading the others.

use crate::{
    error::Result,
    rows::{StoredEvent, day_of},
    store::Store,
    version::{DerivationVersion, event_version, place_of, rule_set_of},
};
use clickhouse::Row;
use event::{Chunk, Code, Day, Event, LoggedAt, UtcMillis};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

/// What derivations of some days read of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayInputs {
    /// Events that count, each identity once, in the order of their streams: all of the days read in full, and landmarks of the
    /// others.
    pub events: Vec<Event>,
    /// Of days read in full all rows, …
    all: BTreeMap<Day, Weight>,
    /// … and of every day those of landmarks: the same, whether it was read in full or not.
    landmarks: BTreeMap<Day, Weight>,
}

/// How much rows weigh: superseded ones included, because this must never shrink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Weight {
    inputs: u64,
    places: u64,
}

impl Weight {
    /// A row that a newer rule set replaces leaves their number as it is, so each weighs as much as its set is new. To know that an
    /// open row is superseded is to know more.
    fn of(version: u128, is_superseded: bool) -> Self {
        Self {
            inputs: u64::from(rule_set_of(version).max(1)) + u64::from(is_superseded),
            places: place_of(version),
        }
    }

    fn add(&mut self, other: Self) {
        self.inputs = self.inputs.saturating_add(other.inputs);
        self.places = self.places.saturating_add(other.places);
    }
}

impl DayInputs {
    /// How well informed the part of a day is that is derived from this: by all rows of the day and the one before, which must have
    /// been read in full, and by the landmarks around them.
    pub fn version(&self, rule_set: u32, day: Day) -> DerivationVersion {
        let in_full = [day.plus(-1), day];
        let mut weight = Weight::default();
        for own in BTreeSet::from(in_full) {
            weight.add(self.all.get(&own).copied().unwrap_or_default());
        }
        let around = self
            .landmarks
            .range(day.plus(-Day::HORIZON)..=day.plus(Day::HORIZON));
        for (_, &landmarks) in around.filter(|(other, _)| !in_full.contains(other)) {
            weight.add(landmarks);
        }
        DerivationVersion {
            rule_set,
            inputs: weight.inputs,
            places: weight.places,
        }
    }

    /// Takes all rows of one identity, the greatest version first.
    #[expect(
        clippy::vec_box,
        reason = "they were put in order, and one is as large as sixty pointers"
    )]
    fn take(&mut self, rows: Vec<Box<StoredEvent>>, others: &Others, full: &BTreeSet<Day>) {
        let Some(first) = rows.first() else {
            return;
        };
        let (id, day) = (first.id, Day::of(first.logged.map(LoggedAt)));
        let is_full = full.contains(&day);
        let landmarks = rows.iter().filter(|row| row.flag & LANDMARK != 0);
        // A newer rule set may say that it is none.
        let made_by = landmarks.map(|row| rule_set_of(row.version)).max();
        let is_newer = |version| made_by.is_some_and(|made_by| rule_set_of(version) > made_by);
        let mut newest_other = 0;
        if !is_full {
            for &version in others.plain.get(&id).into_iter().flatten() {
                if is_newer(version) {
                    self.landmark(day).add(Weight::of(version, false));
                    newest_other = newest_other.max(version);
                }
            }
        }
        let mut counts = None;
        for row in rows {
            let reference = (row.stream, row.offset, row.length);
            let is_superseded = row.open != 0 && others.superseded.contains(&reference);
            let weight = Weight::of(row.version, is_superseded);
            if is_full {
                self.all.entry(day).or_default().add(weight);
            }
            if row.flag & LANDMARK != 0 {
                self.landmark(day).add(weight);
            } else if row.open == 0 && is_newer(row.version) {
                self.landmark(day).add(Weight::of(row.version, false));
            }
            if !is_superseded && counts.is_none() {
                counts = Some(row);
            }
        }
        // A row that a newer rule set has taken back weighs, as it is the newest word on the record, and does not count.
        let counts = counts.filter(|row| row.version > newest_other && row.flag & GONE == 0);
        self.events.extend(counts.and_then(|row| row.into_event()));
    }

    fn landmark(&mut self, day: Day) -> &mut Weight {
        self.landmarks.entry(day).or_default()
    }
}

/// What is read of some endpoints.
#[derive(Clone, Copy, Debug)]
pub struct AskedDays<'a> {
    /// All of these days, …
    pub full: &'a [Day],
    /// … and the landmarks from this day …
    pub from: Day,
    /// … to this one. Of the far-off day, which has none beside it, both are that day.
    pub to: Day,
    /// Of which nothing newer is looked for: whoever derives with it is derived over by a newer one anyway.
    pub rule_set: u32,
}

/// What is known of an endpoint's rows beside the rows read.
#[derive(Default)]
struct Others {
    /// References of open rows that a longer piece has covered.
    superseded: HashSet<(u64, u64, u64)>,
    /// By identity, versions of rows that are no landmarks although an older rule set made one of them.
    plain: HashMap<u64, Vec<u128>>,
}

impl Store {
    /// What endpoints have of some days.
    ///
    /// `max_bytes` bounds the answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask for less
    /// at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn day_inputs(
        &self,
        tenant: &str,
        endpoints: &[&str],
        days: AskedDays<'_>,
        max_bytes: u64,
    ) -> Result<BTreeMap<String, DayInputs>> {
        let AskedDays {
            full,
            from,
            to,
            rule_set,
        } = days;
        let full_days: BTreeSet<Day> = full.iter().copied().collect();
        let numbers: Vec<u16> = full_days.iter().map(|day| day.number()).collect();
        let ask = |statement: &str| {
            self.bounded(&statement.replace("{days}", DAYS), max_bytes)
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("full", &numbers)
                .param("from", from.number())
                .param("to", to.number())
        };
        let mut by_endpoint: BTreeMap<String, Vec<_>> = BTreeMap::new();
        // A landmark that a newer rule set takes for none stands there as the older one left it.
        let (mut oldest, mut is_any_open) = (None::<u32>, false);
        self.fetch_each(
            "read inputs of days",
            ask(INPUTS),
            |mut row: StoredEvent| {
                is_any_open |= row.open != 0;
                if row.flag & LANDMARK != 0 {
                    let made_by = rule_set_of(row.version);
                    oldest = Some(oldest.map_or(made_by, |oldest| oldest.min(made_by)));
                }
                let endpoint = std::mem::take(&mut row.endpoint);
                by_endpoint.entry(endpoint).or_default().push(Box::new(row));
            },
        )
        .await?;
        let mut others: BTreeMap<String, Others> = BTreeMap::new();
        let is_part = (from.number()..=to.number()).any(|day| numbers.binary_search(&day).is_err());
        let plain: Vec<PlainRow> = match oldest {
            Some(oldest) if is_part && oldest < rule_set => {
                let asked = ask(NO_LANDMARKS).param("oldest", oldest);
                self.fetch_all("read what is no landmark any more", asked)
                    .await?
            }
            _ => Vec::new(),
        };
        for row in plain {
            let of_endpoint = others.entry(row.endpoint).or_default();
            of_endpoint
                .plain
                .entry(row.id)
                .or_default()
                .push(row.newest);
        }
        // After the events: a piece that supersedes one of them was stored after it, and whoever reads later weighs more.
        if is_any_open {
            let superseded: Vec<(String, u64, u64, u64)> = self
                .fetch_all("read what is superseded", ask(SUPERSEDED))
                .await?;
            for (endpoint, stream, offset, length) in superseded {
                let of_endpoint = others.entry(endpoint).or_default();
                of_endpoint.superseded.insert((stream, offset, length));
            }
        }

        Ok(by_endpoint
            .into_iter()
            .map(|(endpoint, mut rows)| {
                let others = others.remove(&endpoint).unwrap_or_default();
                let mut inputs = DayInputs::default();
                rows.sort_unstable_by_key(|row| (row.id, Reverse(row.version)));
                let mut rows = rows.into_iter().peekable();
                while let Some(first) = rows.next() {
                    let id = first.id;
                    let mut of_identity = vec![first];
                    of_identity.extend(std::iter::from_fn(|| rows.next_if(|row| row.id == id)));
                    inputs.take(of_identity, &others, &full_days);
                }
                inputs
                    .events
                    .sort_unstable_by_key(|event| (event.stream, event.offset, event.id));
                (endpoint, inputs)
            })
            .collect())
    }
}

/// In a flag: the row is a landmark.
const LANDMARK: u8 = 1;

/// In a flag: the row says that a newer rule set makes no event of the record.
const GONE: u8 = 2;

/// The rows asked for, of the parameters `full`, `from` and `to`.
const DAYS: &str = "tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND \
     ((landmark = 0 AND day IN {full:Array(UInt16)}) OR \
      (landmark = 1 AND (day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) OR \
        day IN {full:Array(UInt16)})))";

const INPUTS: &str = "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, \
       object, kb, package, component_identity, session, client, trace, fields, text, version, toUInt8(landmark + 2 * gone) AS flag \
     FROM day_inputs FINAL WHERE {days}";

/// Copies of landmarks, by rule sets newer than that of the oldest landmark, that are none: what is read of a day is as if all of it
/// had been.
///
/// Only complete ones: whether an open one counts would take another look at what covers it, for a record that was cut at one place
/// twice, under two rule sets.
const NO_LANDMARKS: &str = "SELECT endpoint, id, max(version) AS newest FROM day_inputs \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND landmark = 0 AND open = 0 \
       AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
       AND version >= bitShiftLeft(toUInt128({oldest:UInt32}) + 1, 108) \
       AND (endpoint, day, source, id) IN (SELECT endpoint, day, source, id FROM day_inputs \
         WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND landmark = 1 \
           AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16})) \
     GROUP BY endpoint, day, source, id";

/// References of open rows, of those asked for, that a piece of their stream covers and goes on beyond.
const SUPERSEDED: &str = "SELECT DISTINCT record.endpoint, record.stream, record.offset, record.length \
     FROM (SELECT endpoint, stream, offset, length FROM day_inputs WHERE {days} AND open = 1) AS record \
     INNER JOIN (SELECT endpoint, stream, offset, `end` FROM coverage \
       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
         AND stream IN (SELECT stream FROM day_inputs WHERE {days} AND open = 1)) AS piece \
       ON record.endpoint = piece.endpoint AND record.stream = piece.stream \
     WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length";

#[derive(Row, Deserialize)]
struct PlainRow {
    endpoint: String,
    id: u64,
    newest: u128,
}

#[derive(Row, Serialize)]
pub(crate) struct InputRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    pub(crate) landmark: u8,
    pub(crate) day: u16,
    source: &'a str,
    id: u64,
    open: u8,
    open_stream: u64,
    open_offset: u64,
    stream: u64,
    offset: u64,
    length: u64,
    logged: Option<LoggedAt>,
    stamp: Option<UtcMillis>,
    level: &'a str,
    component: &'a str,
    marker: &'a str,
    codes: &'a [Code],
    rule: &'a str,
    object: &'a str,
    kb: &'a str,
    package: &'a str,
    component_identity: &'a str,
    session: &'a str,
    client: &'a str,
    trace: &'a str,
    fields: &'a [(String, String)],
    text: &'a str,
    pub(crate) version: u128,
    pub(crate) gone: u8,
}

impl<'a> InputRow<'a> {
    pub(crate) fn new(rule_set: u32, chunk: &'a Chunk, event: &'a Event) -> Self {
        Self::of(rule_set, (&chunk.tenant, &chunk.endpoint), event)
    }

    /// An event of a tenant's endpoint.
    pub(crate) fn of(
        rule_set: u32,
        (tenant, endpoint): (&'a str, &'a str),
        event: &'a Event,
    ) -> Self {
        Self {
            tenant,
            endpoint,
            landmark: event.is_landmark().into(),
            day: day_of(event.logged),
            source: event.source.name(),
            id: event.id.0,
            open: event.open.into(),
            open_stream: if event.open { event.stream.0 } else { 0 },
            open_offset: if event.open { event.offset } else { 0 },
            stream: event.stream.0,
            offset: event.offset,
            length: event.length,
            logged: event.logged,
            stamp: event.stamp,
            level: event.level.name(),
            component: &event.component,
            marker: event.marker.name(),
            codes: &event.codes,
            rule: &event.rule,
            object: &event.object,
            kb: &event.kb,
            package: &event.package,
            component_identity: &event.component_identity,
            session: &event.session,
            client: &event.client,
            trace: &event.trace,
            fields: &event.fields,
            text: &event.text,
            version: event_version(rule_set, event),
            gone: 0,
        }
    }
}
