//! What PCs do in a year, by chance and by plan, and what of it is an incident.

use crate::harness::{Cause, Ended, Tried, derived, failed, succeeded};
use alert::Firing;
use event::LoggedAt;
use std::collections::{BTreeMap, BTreeSet};
use store::{EndpointFacts, LabelChange, Store, UnitDerivation};

const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

/// 2023-01-01.
const START: i64 = 1_672_531_200;

/// Second Tuesdays of 2023, as days of the year, each with its update.
const PATCH_DAYS: [(i64, &str); 12] = [
    (9, "KB5023001"),
    (44, "KB5023002"),
    (72, "KB5023003"),
    (100, "KB5023004"),
    (128, "KB5023005"),
    (163, "KB5023006"),
    (191, "KB5023007"),
    (219, "KB5023008"),
    (254, "KB5023009"),
    (282, "KB5023010"),
    (317, "KB5023011"),
    (345, "KB5023012"),
];

/// Definitions, which come every day and mend themselves.
const DEFINITIONS: &str = "KB2267602";

/// By which tries fail now and then, on every patch day.
const TRANSIENT: [Cause; 4] = [
    ("code_in_use", "files_in_use", 0x8007_0020),
    ("code_timeout", "service_unavailable", 0x8024_0022),
    ("code_shutdown", "interrupted", 0x8007_0045),
    ("code_memory", "resources", 0x8007_000E),
];

/// By which single PCs fail for long.
const LASTING: [Cause; 4] = [
    ("single_store", "component_store_corrupt", 0x8007_3712),
    ("single_space", "disk_full", 0x8007_0070),
    ("single_disk", "filesystem_corruption", 0xC000_0102),
    ("single_edition", "edition", 0x800F_081E),
];

/// Something that went wrong on many PCs.
pub(crate) struct Incident {
    pub(crate) name: &'static str,
    /// The rule that is for it.
    pub(crate) rule: &'static str,
    /// First and last day of its failures, and some on which they still stand.
    pub(crate) from: u16,
    pub(crate) to: u16,
    pub(crate) pcs: BTreeSet<String>,
    kb: &'static str,
    cause: Cause,
}

impl Incident {
    /// Whether a firing is about it: in its days, its update or its cause, and of its PCs those that are named.
    pub(crate) fn is_told_by(&self, firing: &Firing) -> bool {
        let cause = format!("{}~0x{:08x}", self.cause.0, self.cause.2);
        let is_its = firing
            .labels
            .iter()
            .all(|(name, value)| match name.as_str() {
                "kb" => value == self.kb,
                "cause" => value == &cause,
                _ => true,
            });
        let named = firing
            .pcs
            .iter()
            .filter(|pc| self.pcs.contains(*pc))
            .count();
        (self.from..=self.to).contains(&firing.from) && is_its && named * 2 > firing.pcs.len()
    }
}

/// A year.
pub(crate) struct Year {
    pub(crate) incidents: Vec<Incident>,
    tries: BTreeMap<String, Vec<Tried>>,
    labels: Vec<LabelChange>,
}

/// Numbers by chance, the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    /// True so often of a thousand.
    fn of_thousand(&mut self, often: u64) -> bool {
        self.below(1_000) < often
    }
}

/// What one PC is like.
struct Pc {
    name: String,
    site: &'static str,
    /// Minutes ahead of UTC, where its logs show it.
    zone: Option<i32>,
    /// By how much its clock is wrong.
    wrong: i64,
    /// It is heard of no longer from this day on.
    silent: i64,
    /// It fails every update for so long, by this.
    lasting: Option<(std::ops::Range<i64>, Cause)>,
}

fn pc(number: u32, pcs: u32, chance: &mut Chance) -> Pc {
    let lasting = chance.of_thousand(20).then(|| {
        let from = chance.below(330) as i64;
        let cause = LASTING[chance.below(4) as usize];
        (from..from + 20 + chance.below(60) as i64, cause)
    });
    Pc {
        name: format!("pc-{number:05}"),
        site: [
            "Harbin", "Beijing", "Chengdu", "Urumqi", "London", "Lima", "Dalian", "Xiamen",
        ][(number * 8 / pcs) as usize],
        zone: match number % 10 {
            0..=6 => Some(480),
            7 => Some(60),
            8 => Some(-300),
            _ => None,
        },
        // Years ahead, a year behind, some days ahead, hours ahead.
        wrong: match number % 97 {
            0 => 730 * DAY,
            1 => -400 * DAY,
            2 => 3 * DAY,
            3 => 5 * HOUR,
            _ => 0,
        },
        silent: match chance.of_thousand(60) {
            true => chance.below(365) as i64,
            false => 400,
        },
        lasting,
    }
}

impl Year {
    pub(crate) fn new(pcs: u32, seed: u64) -> Self {
        let mut chance = Chance(seed);
        let all: Vec<Pc> = (0..pcs)
            .map(|number| pc(number, pcs, &mut chance))
            .collect();
        let mut year = Self {
            incidents: incidents(&all),
            tries: BTreeMap::new(),
            labels: all
                .iter()
                .map(|pc| LabelChange {
                    endpoint: pc.name.clone(),
                    label: "site".to_owned(),
                    value: pc.site.to_owned(),
                })
                .collect(),
        };
        for pc in &all {
            let tries = year.tries_of(pc, &mut chance);
            year.tries.insert(pc.name.clone(), tries);
        }
        year
    }

    /// What one PC does: its updates month by month, and definitions.
    fn tries_of(&self, pc: &Pc, chance: &mut Chance) -> Vec<Tried> {
        let mut tries = Vec::new();
        for (patch_day, kb) in PATCH_DAYS {
            // Most within three days, some within two weeks, at the time of day at which it is used.
            let late = match chance.below(10) {
                0..=7 => chance.below(3),
                _ => 3 + chance.below(11),
            } as i64;
            let mut at = START + (patch_day + late) * DAY + (9 + chance.below(9) as i64) * HOUR;
            let until = START + (patch_day + 27) * DAY;
            for incident in self.incidents.iter().filter(|of| of.kb == kb) {
                if incident.pcs.contains(&pc.name) {
                    at = at.max(i64::from(incident.from) * DAY + 9 * HOUR + late * HOUR);
                    let end = (i64::from(incident.to) - 3) * DAY;
                    while at < end {
                        tries.push(failed(kb, at).by(incident.cause));
                        tries.push(failed(kb, at + 2 * HOUR).by(incident.cause));
                        at += DAY + chance.below(2) as i64 * HOUR;
                    }
                }
            }
            while let Some((days, cause)) = &pc.lasting
                && days.contains(&((at - START) / DAY))
                && at < until
            {
                tries.push(failed(kb, at).by(*cause));
                at += DAY + chance.below(3) as i64 * HOUR;
            }
            // A first failure mends itself at the next try, an hour or a day later.
            if chance.of_thousand(30) {
                let cause = TRANSIENT[chance.below(4) as usize];
                tries.push(failed(kb, at).by(cause));
                at += [HOUR, 22 * HOUR][chance.below(2) as usize];
            }
            if chance.of_thousand(150) {
                tries.push(Tried::new(kb, at, Ended::PendingReboot));
                at += (10 + chance.below(60) as i64) * HOUR;
            }
            tries.push(succeeded(kb, at));
        }
        for day in 0..365 {
            if chance.of_thousand(15) {
                let at = START + day * DAY + (8 + chance.below(10) as i64) * HOUR;
                tries.push(failed(DEFINITIONS, at).by(TRANSIENT[1]));
                tries.push(succeeded(DEFINITIONS, at + 4 * HOUR));
            }
        }
        tries.retain(|tried| (tried.at - START) / DAY < pc.silent);
        for tried in &mut tries {
            tried.zone = pc.zone;
            tried.at += pc.wrong;
        }
        tries.sort_by_key(|tried| tried.at);
        tries
    }

    pub(crate) async fn put(&self, store: &Store, tenant: &str) {
        store
            .put_labels(tenant, &self.labels, "a test", 1)
            .await
            .expect("label");
        let mut units: Vec<UnitDerivation> = Vec::new();
        let mut facts = Vec::new();
        for (name, tries) in &self.tries {
            let mut months: BTreeMap<u32, Vec<Tried>> = BTreeMap::new();
            for tried in tries {
                let month = LoggedAt(tried.at).month().yyyymm();
                months.entry(month).or_default().push(*tried);
            }
            units.extend(months.values().map(|tries| derived(tenant, name, tries, 1)));
            facts.push(EndpointFacts {
                tenant: tenant.to_owned(),
                endpoint: name.clone(),
                host: name.clone(),
                named_at: None,
                contact_ms: 0,
                servicing_stack: None,
                first: tries.first().map(|tried| LoggedAt(tried.at)),
                last: tries.last().map(|tried| LoggedAt(tried.at)),
            });
        }
        for units in units.chunks(2_000) {
            store.insert_derivations(units).await.expect("insert");
        }
        store.insert_facts(&facts).await.expect("insert");
    }

    /// First and last day.
    pub(crate) fn days(&self) -> (u16, u16) {
        let first = (START / DAY) as u16;
        (first, first + 364)
    }

    pub(crate) fn patch_days(&self) -> impl Iterator<Item = u16> {
        let (first, _) = self.days();
        PATCH_DAYS
            .into_iter()
            .map(move |(day, _)| first + day as u16)
    }

    pub(crate) fn pcs(&self) -> usize {
        self.tries.len()
    }

    pub(crate) fn tries(&self) -> usize {
        self.tries.values().map(Vec::len).sum()
    }

    /// Days on which more than a tenth of all tries failed, of at least ten; definitions left out, as with them it would say less.
    pub(crate) fn naive_days(&self) -> impl Iterator<Item = u16> {
        let mut days: BTreeMap<u16, (u32, u32)> = BTreeMap::new();
        for tried in self.tries.values().flatten() {
            if tried.kb != DEFINITIONS {
                let day = days.entry((tried.at / DAY) as u16).or_default();
                day.0 += u32::from(tried.is_failed());
                day.1 += 1;
            }
        }
        let (first, last) = self.days();
        days.into_iter()
            .filter(move |(day, (bad, all))| {
                (first..=last).contains(day) && *all >= 10 && *bad * 10 > *all
            })
            .map(|(day, _)| day)
    }
}

/// Six things that go wrong. Shares are of all PCs, whose clocks and silence do not care.
fn incidents(all: &[Pc]) -> Vec<Incident> {
    let day = |days: i64| (START / DAY + days) as u16;
    let every = |step: usize, from: usize| -> BTreeSet<String> {
        let some = all.iter().skip(from).step_by(step);
        some.map(|pc| pc.name.clone()).collect()
    };
    let of_site = all.iter().filter(|pc| pc.site == "Chengdu");
    vec![
        Incident {
            name: "an update that fails on every third PC",
            rule: "update_failing_widely",
            from: day(72),
            to: day(72 + 14),
            pcs: every(3, 1),
            kb: "KB5023003",
            cause: ("inc_wide", "edition", 0x800F_0831),
        },
        Incident {
            name: "an update that fails on three of four PCs of one site",
            rule: "site_failing",
            from: day(100),
            to: day(100 + 12),
            pcs: of_site
                .enumerate()
                .filter(|(number, _)| number % 4 != 0)
                .map(|(_, pc)| pc.name.clone())
                .collect(),
            kb: "KB5023004",
            cause: ("inc_site", "content", 0x8024_6013),
        },
        Incident {
            name: "an update server that answers with 503 for a week",
            rule: "update_source_unreachable",
            from: day(163),
            to: day(163 + 12),
            pcs: every(2, 0),
            kb: "KB5023006",
            cause: ("inc_server", "wsus_server_error", 0x8024_4022),
        },
        Incident {
            name: "a cause that nobody had before, on one PC of fifty",
            rule: "new_cause",
            from: day(193),
            to: day(193 + 14),
            pcs: every(50, 7),
            kb: "KB5023007",
            cause: ("inc_new", "filter_driver", 0x8007_0005),
        },
        Incident {
            name: "a tool that damages the component store of one PC of fourteen",
            rule: "servicing_damaged",
            from: day(254),
            to: day(254 + 16),
            pcs: every(14, 3),
            kb: "KB5023009",
            cause: ("inc_store", "component_store_corrupt", 0x8007_3701),
        },
        Incident {
            name: "an update that fails on one PC of fifteen",
            rule: "update_failing",
            from: day(317),
            to: day(317 + 16),
            pcs: every(15, 5),
            kb: "KB5023011",
            cause: ("inc_few", "edition", 0x8007_0002),
        },
    ]
}
