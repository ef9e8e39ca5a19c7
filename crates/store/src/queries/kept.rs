//! What machines tried, kept between questions: of each month only what was derived anew is read again.
//!
//! A row of `derivations` names its set by content, so one whose digest is known tells nothing new. Before each answer the digests of
//! every month whose parts are others than last time are compared: an answer is never older than its question, and what was erased,
//! merged or made again by other rules is gone from it. Months of more rows than are kept are read for each question, as is one
//! machine of a month that is not kept as it stands in the store.

use super::{
    Day,
    told::{DIGEST, MONTHS, Told},
    tries::{Held, Names, ToldRow, Words},
};
use crate::{Profile, error::Result, store::Store};
use clickhouse::{Row, query::Query};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

/// Rows that are kept, of tries, findings and machines in a month, some 80 bytes each: 100,000 machines of which each tries ten updates
/// within 120 days have 1.5 million.
const KEPT_ROWS: u64 = 2_000_000;

/// What their words and causes may take, about: what findings name is named by whoever writes logs. Beyond that nothing is kept of the
/// tenant for a while.
const KEPT_WORD_BYTES: usize = 64 << 20;

/// For so long.
const BARRED: Duration = Duration::from_secs(600);

/// Machines that are read again by their names, in one question.
const NAMED_AT_ONCE: usize = 500;

/// Where more have changed, their month is read again as a whole.
const NAMED: usize = 2_000;

/// What is kept for all tenants.
pub(crate) struct Kept {
    /// In rows.
    bound: u64,
    tenants: tokio::sync::Mutex<Tenants>,
}

impl Kept {
    pub(crate) fn up_to(rows: u64) -> Self {
        Self {
            bound: rows,
            tenants: tokio::sync::Mutex::default(),
        }
    }
}

impl Default for Kept {
    fn default() -> Self {
        Self::up_to(KEPT_ROWS)
    }
}

#[derive(Default)]
struct Tenants {
    all: HashMap<String, Tenant>,
    /// Questions so far.
    asked: u64,
}

#[derive(Default)]
struct Tenant {
    names: Arc<Names>,
    words: Words,
    months: BTreeMap<u32, KeptMonth>,
    /// Nothing is kept of it until then.
    barred_until: Option<Instant>,
}

/// By the number of each machine.
type Slots = Vec<Option<Arc<Held>>>;

#[derive(Default)]
struct KeptMonth {
    slots: Arc<Slots>,
    rows: u64,
    /// Of its parts when it was last looked at; 0 = look again whatever it is now.
    stamp: u64,
    /// The question that it last answered.
    asked: u64,
}

/// What is kept of the months of a question.
pub(super) struct KeptRows {
    names: Arc<Names>,
    pub(super) words: Words,
    months: Vec<Arc<Slots>>,
}

impl KeptRows {
    pub(super) fn names(&self) -> &Names {
        &self.names
    }

    /// The last of some days on which anything stands.
    pub(super) fn last_day(&self, days: (Day, Day)) -> Option<Day> {
        let held = self.months.iter().flat_map(|slots| slots.iter().flatten());
        held.filter_map(|held| held.last_day(days)).max()
    }

    /// What is held of a machine, month by month.
    pub(super) fn of(&self, machine: u32) -> impl Iterator<Item = &Held> {
        let slots = self.months.iter();
        slots.filter_map(move |slots| slots.get(machine as usize)?.as_deref())
    }
}

#[derive(Row, Deserialize)]
struct DigestRow<'a> {
    endpoint: &'a str,
    digest: u64,
}

impl Tenants {
    /// The rows of all months but some of a tenant, and where the one stands that was not asked for longest.
    fn others(&self, tenant: &str, needed: &BTreeMap<u32, u64>) -> (u64, Option<(String, u32)>) {
        let months = self.all.iter().flat_map(|(name, of)| {
            let months = of.months.iter();
            months.map(move |(&month, kept)| (name, month, kept))
        });
        let others =
            months.filter(|(name, month, _)| *name != tenant || !needed.contains_key(month));
        let (mut rows, mut oldest) = (0, None);
        for (name, month, kept) in others {
            rows += kept.rows;
            if oldest.is_none_or(|(asked, _, _)| kept.asked < asked) {
                oldest = Some((kept.asked, name, month));
            }
        }
        (rows, oldest.map(|(_, name, month)| (name.clone(), month)))
    }

    /// Forgets what was not asked for longest until so many rows have a place.
    fn make_room(&mut self, bound: u64, tenant: &str, needed: &BTreeMap<u32, u64>, rows: u64) {
        while let (others, Some((name, month))) = self.others(tenant, needed)
            && others + rows > bound
        {
            if let Some(of) = self.all.get_mut(&name) {
                of.months.remove(&month);
                if of.months.is_empty() {
                    self.all.remove(&name);
                }
            }
        }
    }
}

impl Tenant {
    fn rows(&self, needed: &BTreeMap<u32, u64>) -> u64 {
        let kept = needed.keys().filter_map(|month| self.months.get(month));
        kept.map(|kept| kept.rows).sum()
    }

    fn place(&mut self, endpoint: &str) -> usize {
        match self.names.number(endpoint) {
            Some(number) => number as usize,
            None => Arc::make_mut(&mut self.names).add(endpoint) as usize,
        }
    }
}

impl KeptMonth {
    fn put(&mut self, place: usize, held: Option<Held>) {
        let slots = Arc::make_mut(&mut self.slots);
        if slots.len() <= place {
            slots.resize(place + 1, None);
        }
        let Some(slot) = slots.get_mut(place) else {
            return;
        };
        let rows = |held: Option<&Held>| held.map_or(0, |held| held.rows() + 1);
        self.rows = self.rows + rows(held.as_ref()) - rows(slot.as_deref());
        *slot = held.map(Arc::new);
    }
}

impl Store {
    /// What machines tried in the months of a question, where it is kept or may be. For a question of some machines nothing is read: who
    /// asks finds their rows by their names.
    pub(super) async fn kept(&self, told: &Told<'_>) -> Result<Option<KeptRows>> {
        self.kept_as(told, !told.is_of_few()).await
    }

    /// The same; `may_read` = what is not kept, or not as it stands in the store now, is read.
    pub(super) async fn kept_as(
        &self,
        told: &Told<'_>,
        may_read: bool,
    ) -> Result<Option<KeptRows>> {
        // What another replica may change is never known to be as it stands in the store.
        let is_knowable = may_read || matches!(self.profile(), Profile::Embedded);
        if told.has_untold() || !is_knowable {
            return Ok(None);
        }
        let Kept { bound, tenants } = self.kept_rows();
        let mut tenants = match (may_read, tenants.try_lock()) {
            (_, Ok(tenants)) => tenants,
            (true, Err(_)) => tenants.lock().await,
            (false, Err(_)) => return Ok(None),
        };
        let name = told.tenant();
        let stamps = self.stamps(told).await?;
        tenants.asked += 1;
        let asked = tenants.asked;
        let tenant = tenants.all.entry(name.to_owned()).or_default();
        let is_barred = |until: Instant| until > Instant::now();
        if tenant.barred_until.is_some_and(is_barred) {
            return Ok(None);
        }
        let is_fresh = |(month, stamp): (&u32, &u64)| {
            let kept = tenant.months.get(month);
            *stamp != 0 && kept.is_some_and(|kept| kept.stamp == *stamp)
        };
        if !may_read && !stamps.iter().all(is_fresh) {
            return Ok(None);
        }
        let kept = tenant.rows(&stamps);
        if kept > *bound {
            tenant.months.retain(|month, _| !stamps.contains_key(month));
            return Ok(None);
        }
        let wanted = match stamps.keys().all(|month| tenant.months.contains_key(month)) {
            true => 0,
            false => self.rows_of_months(told, &stamps, tenant).await?,
        };
        // What narrower questions live on stays.
        if kept + wanted > *bound {
            return Ok(None);
        }
        tenants.make_room(*bound, name, &stamps, kept + wanted);
        let tenant = tenants.all.entry(name.to_owned()).or_default();
        for (&month, &stamp) in &stamps {
            let is_same = |kept: &KeptMonth| stamp != 0 && kept.stamp == stamp;
            if !tenant.months.get(&month).is_some_and(is_same) {
                self.look_again(told, tenant, month).await?;
            }
            if tenant.words.bytes() > KEPT_WORD_BYTES {
                let barred = Tenant {
                    barred_until: Some(Instant::now() + BARRED),
                    ..Tenant::default()
                };
                tenants.all.insert(name.to_owned(), barred);
                return Ok(None);
            }
            if let Some(kept) = tenant.months.get_mut(&month) {
                kept.stamp = stamp;
                kept.asked = asked;
            }
        }
        let months = stamps.keys().filter_map(|month| tenant.months.get(month));
        Ok(Some(KeptRows {
            names: Arc::clone(&tenant.names),
            words: tenant.words.clone(),
            months: months.map(|kept| Arc::clone(&kept.slots)).collect(),
        }))
    }

    /// The months of a question that any rows stand in, each with a number that is another one once rows have come or gone; 0 where nothing
    /// tells of that.
    async fn stamps(&self, told: &Told<'_>) -> Result<BTreeMap<u32, u64>> {
        let sql = match self.profile() {
            Profile::Embedded => format!(
                "SELECT toUInt32(partition) AS month, sum(cityHash64(name)) FROM system.parts \
                 WHERE database = currentDatabase() AND table = 'derivations' AND active GROUP BY month HAVING {MONTHS}"
            ),
            // Another replica may answer the next question, with rows that come later than its parts say here.
            Profile::Server { .. } => format!(
                "SELECT DISTINCT month, toUInt64(0) FROM derivations \
                 WHERE tenant = {{tenant:String}} AND generation = 0 AND {MONTHS}"
            ),
        };
        let rows: Vec<(u32, u64)> = self
            .fetch_all("look for what was derived since", told.ask(self, &sql))
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// Rows in those months that are not kept yet.
    async fn rows_of_months(
        &self,
        told: &Told<'_>,
        months: &BTreeMap<u32, u64>,
        tenant: &Tenant,
    ) -> Result<u64> {
        let missing: Vec<u32> = months
            .keys()
            .copied()
            .filter(|month| !tenant.months.contains_key(month))
            .collect();
        let sql = "SELECT toUInt64(sum(attempts) + sum(findings) + countIf(attempts + findings > 0)) FROM derivations FINAL \
             WHERE tenant = {tenant:String} AND generation = 0 AND month IN {months:Array(UInt32)}";
        let query = told.ask(self, sql).param("months", missing);
        self.fetch_one("count what machines tried", query).await
    }

    /// Brings a month up to what stands in the store now.
    async fn look_again(&self, told: &Told<'_>, tenant: &mut Tenant, month: u32) -> Result<()> {
        if !tenant.months.contains_key(&month) {
            let read = self.read_kept(told, tenant, month, "", &[]).await?;
            let mut kept = KeptMonth::default();
            for (place, held) in read {
                kept.put(place, Some(held));
            }
            tenant.months.insert(month, kept);
            return Ok(());
        }
        let (changed, gone) = self.changed(told, tenant, month).await?;
        let mut read = Vec::new();
        if changed.len() > NAMED {
            read = self.read_kept(told, tenant, month, "", &[]).await?;
        } else {
            for names in changed.chunks(NAMED_AT_ONCE) {
                let named = " AND endpoint IN {changed:Array(String)}";
                read.extend(self.read_kept(told, tenant, month, named, names).await?);
            }
        }
        if let Some(kept) = tenant.months.get_mut(&month) {
            for place in gone {
                kept.put(place, None);
            }
            for (place, held) in read {
                kept.put(place, Some(held));
            }
        }
        Ok(())
    }

    /// Machines whose rows of a month are others than those that are kept, and where those stand that have none any more.
    async fn changed(
        &self,
        told: &Told<'_>,
        tenant: &mut Tenant,
        month: u32,
    ) -> Result<(Vec<String>, Vec<usize>)> {
        let sql = format!(
            "SELECT endpoint, {DIGEST} AS digest FROM derivations FINAL \
             WHERE tenant = {{tenant:String}} AND generation = 0 AND month = {{month:UInt32}} AND attempts + findings > 0"
        );
        let query = boundless(told.ask(self, &sql).param("month", month));
        let slots = tenant
            .months
            .get(&month)
            .map(|kept| Arc::clone(&kept.slots));
        let slots = slots.unwrap_or_default();
        let mut is_there = vec![false; slots.len()];
        let mut changed = Vec::new();
        self.within("look for what was derived since", async {
            let mut cursor = query.fetch::<DigestRow<'_>>()?;
            while let Some(DigestRow { endpoint, digest }) = cursor.next().await? {
                let number = tenant.names.number(endpoint).map(|number| number as usize);
                let held = number.and_then(|number| slots.get(number)?.as_deref());
                if let Some(is_there) = number.and_then(|number| is_there.get_mut(number)) {
                    *is_there = true;
                }
                if held.is_none_or(|held| held.digest != digest) {
                    changed.push(endpoint.to_owned());
                }
            }
            Ok(())
        })
        .await?;
        let gone = slots.iter().zip(is_there).enumerate();
        let gone = gone.filter(|(_, (held, is_there))| held.is_some() && !is_there);
        Ok((changed, gone.map(|(place, _)| place).collect()))
    }

    /// What rows of a month tell.
    async fn read_kept(
        &self,
        told: &Told<'_>,
        tenant: &mut Tenant,
        month: u32,
        narrow: &str,
        endpoints: &[String],
    ) -> Result<Vec<(usize, Held)>> {
        let sql = told.told_rows(&format!("month = {{month:UInt32}}{narrow}"));
        let query = told.ask(self, &sql).param("month", month);
        let query = boundless(query.param("changed", endpoints));
        let mut read = Vec::new();
        self.within("read what machines tried", async {
            let mut cursor = query.fetch::<ToldRow<'_>>()?;
            while let Some(row) = cursor.next().await? {
                let held = Held::of(&mut tenant.words, &row, |_| true);
                read.push((tenant.place(row.endpoint), held));
                if tenant.words.bytes() > KEPT_WORD_BYTES {
                    break;
                }
            }
            Ok(())
        })
        .await?;
        Ok(read)
    }
}

/// A question that answers as many rows as there are machines.
pub(super) fn boundless(query: Query) -> Query {
    query
        .with_setting("max_result_rows", "0")
        .with_setting("max_result_bytes", "0")
}
