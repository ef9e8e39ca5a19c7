//! News: which units are to be derived, and which of that is done.

use crate::{
    error::Result,
    rows::{DatedNewsRow, NewsRow},
    store::Store,
};
use clickhouse::{Row, query::Query};
use event::{Day, Month, Unit, UnitNews};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    time::Duration,
};

/// A unit with open news, and the names of that news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNews {
    /// What to derive.
    pub unit: Unit,
    /// Names of the batches that brought news.
    pub ids: Vec<u64>,
    /// What all of it touches.
    pub news: UnitNews,
}

/// A part of all endpoints: of so many parts that endpoints fall into by the hash of `tenant/endpoint` that Kafka's producers take,
/// some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Which.
    pub mine: Vec<u32>,
    /// How many there are.
    pub of: u32,
}

/// Whose news is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// Anybody's.
    All,
    /// That of one's own endpoints. What was handed over is looked for at any age.
    Mine(&'a Parts),
    /// That of the others, where nobody has closed news of their part for as long as the news must be old: nobody may be there to do it. And
    /// what is ten times as old: whoever is there does not do it.
    Orphaned(&'a Parts),
}

/// News that a sweep looks for.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// Whose.
    pub whose: Whose<'a>,
    /// At least so old.
    pub age: Duration,
    /// Of units after this one: who goes on where the last sweep stopped meets every endpoint, however much news one of them has.
    pub after: Option<&'a Unit>,
    /// At most so many units.
    pub limit: usize,
}

/// Names of news from here on say that everything it stands for is stored: its endpoint's owner may derive it at once. The back-fill's
/// may be such too, which is right: it names what it has copied.
const HANDED_OVER: u64 = 1 << 63;

/// Names of batches are below this. Older builds had no such bound, so none of their pipelines may run beside this one.
pub const NEWS_NAMES: u64 = HANDED_OVER;

/// How far back news that was handed over is looked for: a look comes far oftener, and sweeps find what is older.
const LOOK_BACK: Duration = Duration::from_secs(60);

/// The part of an endpoint. `tenant/endpoint` is the key of its records (`queue`), the hash what places them.
macro_rules! part {
    () => {
        "kafkaMurmurHash(concat(tenant, '/', endpoint)) % {of:UInt32}"
    };
}

/// What is left to derive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNewsState {
    /// Units with open news.
    pub units: u64,
    /// How long the oldest of that news waits.
    pub oldest: Duration,
}

impl Store {
    /// Units with open news that is at least so old, at most `limit` of them.
    pub async fn open_news(&self, age: Duration, limit: usize) -> Result<Vec<OpenNews>> {
        self.sweep_news(Sweep {
            whose: Whose::All,
            age,
            after: None,
            limit,
        })
        .await
    }

    /// Units with open news that a sweep looks for, by endpoint. Of one unit a thousand names are read; those beyond are found once
    /// these are closed. What news touches is said of all of it.
    pub async fn sweep_news(&self, sweep: Sweep<'_>) -> Result<Vec<OpenNews>> {
        let after = sweep.after;
        let (tenant, endpoint) = after.map_or(("", ""), |unit| (&unit.tenant, &unit.endpoint));
        let (of_part, moreover) = match sweep.whose {
            Whose::All => ("1", ""),
            Whose::Mine(_) => (
                concat!(part!(), " IN {mine:Array(UInt32)}"),
                " OR id >= {handed_over:UInt64}",
            ),
            Whose::Orphaned(_) => (
                concat!(part!(), " NOT IN {mine:Array(UInt32)}"),
                concat!(
                    " AND (min(at) <= now() - toIntervalSecond(10 * {age:UInt32}) OR ",
                    part!(),
                    " NOT IN (SELECT ",
                    part!(),
                    " FROM news WHERE done = 1 AND at > now() - toIntervalSecond({age:UInt32})))",
                ),
            ),
        };
        let which = format!(
            "(tenant, endpoint, month) > ({{tenant:String}}, {{endpoint:String}}, {{month:UInt32}}) AND {of_part}"
        );
        // Another replica's clock may be ahead of this one's: then even 0 is an age.
        let when = match sweep.age {
            Duration::ZERO => "1".to_owned(),
            _ => format!("min(at) <= now() - toIntervalSecond({{age:UInt32}}){moreover}"),
        };
        let question = self
            .open(&which, &when, sweep.limit)
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("month", after.map_or(0, |unit| unit.month.yyyymm()))
            .param("age", seconds(sweep.age));
        let question = match sweep.whose {
            Whose::All => question,
            Whose::Mine(parts) => of_parts(question, parts).param("handed_over", HANDED_OVER),
            Whose::Orphaned(parts) => of_parts(question, parts),
        };
        self.read_open(question).await
    }

    /// News of one's own endpoints that others have handed over a short while ago, by endpoint, at most `limit` units.
    pub async fn handed_over_news(&self, parts: &Parts, limit: usize) -> Result<Vec<OpenNews>> {
        // By name and age first: of the rest nothing but these two columns is read.
        const WHICH: &str = concat!(
            "id >= {handed_over:UInt64} AND at > now() - toIntervalSecond({age:UInt32}) AND ",
            part!(),
            " IN {mine:Array(UInt32)}"
        );
        let question = of_parts(self.open(WHICH, "1", limit), parts)
            .param("handed_over", HANDED_OVER)
            .param("age", seconds(LOOK_BACK));
        self.read_open(question).await
    }

    /// Leaves news to the owners of its endpoints: all it stands for is stored. It gets other names, and a repeat gives it the same.
    pub async fn hand_over_news(&self, news: &[OpenNews]) -> Result<()> {
        let named = || {
            news.iter()
                .flat_map(|news| news.ids.iter().map(move |id| (news, *id)))
                .filter(|(_, id)| *id < HANDED_OVER)
        };
        // The new row first: a unit whose news is closed is forgotten.
        let open =
            named().map(|(news, id)| NewsRow::open(&news.unit, id | HANDED_OVER, &news.news));
        self.insert_rows::<NewsRow<'static>, _>("news", open)
            .await?;
        let closed = named().map(|(news, id)| done_by_another(&news.unit, id));
        self.insert_rows::<DatedNewsRow<'static>, _>("news", closed)
            .await
    }

    /// Asks for units with open news, the names of which are chosen by conditions on its rows and on a name's rows together.
    fn open(&self, which: &str, when: &str, limit: usize) -> Query {
        let statement = format!(
            "SELECT tenant, endpoint, month, arraySort(groupArray(1000)(id)) AS ids, \
               toUInt8(max(empty(of_name))) AS all_days, \
               arraySort(groupUniqArrayArray(31)(of_name)) AS days, \
               arraySort(groupUniqArrayArray(5000)(links_of_name)) AS links FROM (\
               SELECT tenant, endpoint, month, id, any(days) AS of_name, any(links) AS links_of_name FROM news \
               WHERE {which} GROUP BY tenant, endpoint, month, id HAVING max(done) = 0 AND ({when})) \
             GROUP BY tenant, endpoint, month ORDER BY tenant, endpoint, month LIMIT {{limit:UInt64}}"
        );
        self.sql(&statement).param("limit", limit as u64)
    }

    async fn read_open(&self, question: Query) -> Result<Vec<OpenNews>> {
        let rows: Vec<OpenNewsRow> = self.fetch_all("read open news", question).await?;
        let mut open: BTreeMap<Unit, (BTreeSet<u64>, UnitNews)> = BTreeMap::new();
        let mut of_older_build = Vec::new();
        for row in rows {
            let unit = Unit {
                tenant: row.tenant,
                endpoint: row.endpoint,
                month: Month::from_yyyymm(row.month),
            };
            if unit.month.yyyymm() != row.month {
                of_older_build.push((unit.clone(), row.month, row.ids.clone()));
            }
            let mut news = UnitNews::of_all_days();
            if row.all_days == 0 {
                news.days.extend(row.days.into_iter().map(Day::new));
                // Too many links become all days here.
                let links = row.links.into_iter().collect();
                let days = news.days.clone();
                news.add(&UnitNews { days, links });
            }
            match open.entry(unit) {
                Entry::Vacant(entry) => {
                    entry.insert((row.ids.into_iter().collect(), news));
                }
                Entry::Occupied(mut entry) => {
                    let (ids, known) = entry.get_mut();
                    ids.extend(row.ids);
                    known.add(&news);
                }
            }
        }
        self.refile_news(&of_older_build).await?;
        Ok(open
            .into_iter()
            .map(|(unit, (ids, news))| OpenNews {
                unit,
                ids: ids.into_iter().collect(),
                news,
            })
            .collect())
    }

    /// News of months that an older build kept by themselves becomes news of the far-off one.
    async fn refile_news(&self, open: &[(Unit, u32, Vec<u64>)]) -> Result<()> {
        let all_days = UnitNews::of_all_days();
        let named = || {
            open.iter()
                .flat_map(|(unit, month, ids)| ids.iter().map(move |&id| (unit, *month, id)))
        };
        // The new row first: a unit whose news is closed is forgotten.
        let opened = named().map(|(unit, _, id)| NewsRow::open(unit, id, &all_days));
        self.insert_rows::<NewsRow<'static>, _>("news", opened)
            .await?;
        let closed = named().map(|(unit, month, id)| NewsRow::done(unit, month, id));
        self.insert_rows::<NewsRow<'static>, _>("news", closed)
            .await
    }

    /// How many units have open news.
    pub async fn pending_units(&self) -> Result<u64> {
        Ok(self.open_news_state().await?.units)
    }

    /// How many units have open news, and since when the oldest of them waits.
    pub async fn open_news_state(&self) -> Result<OpenNewsState> {
        let (units, seconds): (u64, u64) = self
            .fetch_one(
                "count open news",
                self.sql(
                    "SELECT uniqExact(tenant, endpoint, month), \
                       toUInt64(if(count() = 0, 0, greatest(dateDiff('second', min(since), now()), 0))) FROM \
                     (SELECT tenant, endpoint, month, min(at) AS since FROM news \
                      GROUP BY tenant, endpoint, month, id HAVING max(done) = 0)",
                ),
            )
            .await?;
        Ok(OpenNewsState {
            units,
            oldest: Duration::from_secs(seconds),
        })
    }

    /// Marks news as done. Only after the derivations that read it are stored.
    pub async fn close_news(&self, news: &[OpenNews]) -> Result<()> {
        let rows = news.iter().flat_map(|news| {
            let month = news.unit.month.yyyymm();
            news.ids
                .iter()
                .map(move |&id| NewsRow::done(&news.unit, month, id))
        });
        self.insert_rows::<NewsRow<'static>, _>("news", rows).await
    }

    /// The same of news that was derived in another's place: it says nothing of that one's life.
    pub async fn close_news_of_others(&self, news: &[OpenNews]) -> Result<()> {
        let rows = news.iter().flat_map(|news| {
            let ids = news.ids.iter();
            ids.map(move |&id| done_by_another(&news.unit, id))
        });
        self.insert_rows::<DatedNewsRow<'static>, _>("news", rows)
            .await
    }
}

/// A name of news that its owner has not closed. A time of now would say that the owner lives, and keep others from deriving what a dead
/// one leaves.
fn done_by_another(unit: &Unit, id: u64) -> DatedNewsRow<'_> {
    DatedNewsRow {
        tenant: &unit.tenant,
        endpoint: &unit.endpoint,
        month: unit.month.yyyymm(),
        id,
        done: 1,
        at: 0,
    }
}

fn seconds(age: Duration) -> u32 {
    u32::try_from(age.as_secs()).unwrap_or(u32::MAX)
}

fn of_parts(question: Query, parts: &Parts) -> Query {
    question
        .param("mine", &parts.mine)
        .param("of", parts.of.max(1))
}

#[derive(Row, Deserialize)]
struct OpenNewsRow {
    tenant: String,
    endpoint: String,
    month: u32,
    ids: Vec<u64>,
    all_days: u8,
    days: Vec<u16>,
    links: Vec<u64>,
}
