//! The fleet: who is in it, and what happens to each endpoint on which day.

use crate::builds::{BUILDS, Build, Era};
use crate::calendar::{DAY_MS, Release};
use crate::random::{Random, mix};
use crate::scenario::{SCENARIOS, Scenario, When, Where};
use crate::update::{PLACEHOLDER, Update};
use event::UtcMillis;
use event::civil::days_from_civil;

/// A made-up fleet. Equal values give equal bytes, on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// Chooses everything.
    pub seed: u64,
    /// How many machines.
    pub endpoints: usize,
    /// Days of history before `end`.
    pub days: u32,
    /// End of the history, UTC. Logs stop about here.
    pub end: UtcMillis,
    /// Records of CBS.log per endpoint and day, updates not counted. A real machine writes tens of thousands; the default keeps a demo small.
    pub records_per_day: u64,
}

/// What one endpoint is and will meet.
#[derive(Clone, Debug)]
pub struct EndpointPlan {
    /// Its place in the fleet, from 0.
    pub index: usize,
    /// In the form of a MachineGuid.
    pub id: String,
    /// Host name; it begins with its site.
    pub host: String,
    /// Where it stands.
    pub site: &'static str,
    /// What it is, made up.
    pub model: &'static str,
    /// Which updates it gets when: `pilot`, `early` or `broad`.
    pub ring: &'static str,
    /// Its Windows.
    pub build: &'static Build,
    /// Minutes its clock is ahead of UTC.
    pub offset_minutes: i32,
    /// The failures planned, by day.
    pub scenarios: Vec<PlannedScenario>,
    pub(crate) seed: u64,
    pub(crate) start_us: i64,
    pub(crate) end_us: i64,
    /// Its language is Chinese and somebody ran `findstr` on it.
    pub(crate) chinese: bool,
    pub(crate) tasks: Vec<Task>,
}

/// A failure that will be planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedScenario {
    /// Days after the history's start.
    pub day: i64,
    /// The scenario's name.
    pub name: &'static str,
}

/// Something an endpoint does at a time.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    pub(crate) at_us: i64,
    pub(crate) what: What,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Looks around: about so many records.
    Inventory(u64),
    /// Opens a new CBS.log at its next start.
    Rotate,
    /// Installs with a boot after so many seconds.
    Install(Update, u64),
    /// Installs without a boot.
    Feature(Update),
    /// Fails, by place in [`SCENARIOS`].
    Fail(usize, Update),
}

/// Offsets of the endpoints: most in Shanghai, others elsewhere.
const OFFSETS: [(u64, i32); 6] = [(70, 480), (8, 540), (8, 60), (6, -300), (4, 330), (4, -480)];

/// Longer than any history: the restart does not come. Ten years.
const NEVER_S: u64 = 315_360_000;

/// Places in host names.
const SITES: [&str; 6] = ["SHA", "BJS", "CAN", "SZX", "CTU", "HKG"];

/// Models that nobody sells.
const MODELS: [&str; 4] = ["Desk 400 G3", "Desk 400 G5", "Book 14 G2", "Counter 90"];
const SERVERS: [&str; 2] = ["Rack 2U G4", "Rack 1U G6"];

/// Shares of the rings.
const RINGS: [(u64, &str); 3] = [(5, "pilot"), (20, "early"), (75, "broad")];

/// Tells the dice of labels from those of logs.
const LABELS: u64 = 0x006C_6162_656C_7300;

impl Fleet {
    /// A fleet with 30 days of history that ends with June 2025, which holds a release day.
    pub fn new(seed: u64, endpoints: usize) -> Self {
        // 60 records a day are some 300 KB of CBS.log a month, so that 250 endpoints make a demo of about 80 MB.
        Self {
            seed,
            endpoints,
            days: 30,
            end: UtcMillis(days_from_civil(2025, 7, 1) * DAY_MS),
            records_per_day: 60,
        }
    }

    /// The same fleet with another end of its history.
    pub fn ending(self, end: UtcMillis) -> Self {
        Self { end, ..self }
    }

    /// The plan of one endpoint.
    pub fn endpoint(&self, index: usize) -> EndpointPlan {
        let mut random = Random::new(self.seed, mix(index as u64 + 1));
        let (scenario, first) = scenario_of(self.seed, index);
        let build = choose_build(&mut random, scenario.map(|place| &SCENARIOS[place]));
        let chinese =
            first && scenario.is_some_and(|place| SCENARIOS[place].name == "sfc_unrepairable");
        let offset_minutes = if chinese {
            480
        } else {
            weighted(&mut random, &OFFSETS)
        };
        let (a, b) = (random.next(), random.next());
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFF,
            0x8000 | b >> 50,
            b & 0xFFFF_FFFF_FFFF
        );
        let site = *random.pick(&SITES);
        let host = format!(
            "{site}-{}-{:05}",
            if build.server { "SRV" } else { "PC" },
            index + 1
        );
        let end_us = self.end.0 * 1_000;
        // Dice of their own: the logs of a seed stay what they were.
        let mut dice = Random::new(self.seed ^ LABELS, mix(index as u64 + 1));
        let models: &[&'static str] = if build.server { &SERVERS } else { &MODELS };
        let mut plan = EndpointPlan {
            index,
            id,
            host,
            site,
            model: dice.pick::<&str>(models),
            ring: weighted(&mut dice, &RINGS),
            build,
            offset_minutes,
            scenarios: Vec::new(),
            seed: random.next(),
            start_us: end_us - i64::from(self.days) * DAY_MS * 1_000,
            end_us,
            chinese,
            tasks: Vec::new(),
        };
        let failing = plan.add_failures(self, &mut random, scenario);
        plan.add_updates(self, &mut random, failing);
        plan.add_inventories(self, &mut random);
        plan.tasks.sort_by_key(|task| task.at_us);
        plan
    }

    /// The plans of all endpoints.
    pub fn plans(&self) -> impl Iterator<Item = EndpointPlan> + '_ {
        (0..self.endpoints).map(|index| self.endpoint(index))
    }

    fn first_day(&self) -> i64 {
        self.end.0.div_euclid(DAY_MS) - i64::from(self.days)
    }

    /// The newest release that has been out for `age` days at the end, and is in the history.
    fn release(&self, age: i64) -> Release {
        let last_day = self.end.0.div_euclid(DAY_MS) - age;
        let mut release = Release::of_day(last_day);
        if release.tuesday() > last_day {
            release = Release::of_day(days_from_civil(release.year, release.month, 1) - 1);
        }
        release
    }

    /// Day on which the outbreak starts: two days after a release, if one lies at least five days back, so that a page shows its rise.
    fn outbreak_day(&self) -> i64 {
        let day = self.release(5).tuesday() + 2 - self.first_day();
        if day >= 0 {
            day
        } else {
            i64::from(self.days) / 3
        }
    }
}

impl EndpointPlan {
    /// A local time of day on a day of the history, in UTC microseconds; kept inside, with two hours left for boots.
    fn moment(&self, day: i64, minute: u64) -> i64 {
        let midnight = (self.start_us.div_euclid(DAY_MS * 1_000) + day) * DAY_MS * 1_000;
        let at = midnight + (minute as i64 - i64::from(self.offset_minutes)) * 60_000_000;
        let last = self.end_us - 7_200_000_000;
        at.clamp(self.start_us.min(last), last)
    }

    /// Plans the failures of this endpoint. Gives the release that fails, so that it does not also succeed meanwhile.
    fn add_failures(
        &mut self,
        fleet: &Fleet,
        random: &mut Random,
        scenario: Option<usize>,
    ) -> Option<Release> {
        let place = scenario?;
        let scenario = &SCENARIOS[place];
        let days = i64::from(fleet.days);
        let (release, first) = match scenario.when {
            When::Outbreak => (
                fleet.release(5),
                fleet.outbreak_day() + random.below(4) as i64,
            ),
            When::Update => {
                let release = fleet.release(3);
                (
                    release,
                    release.tuesday() + update_lag(random, self.build.server) - fleet.first_day(),
                )
            }
            When::Feature | When::AnyDay => {
                (fleet.release(0), random.below(days.max(1) as u64) as i64)
            }
        };
        let first = first.clamp(0, (days - 1).max(0));
        let tries = if scenario.when == When::Outbreak {
            scenario.tries
        } else {
            random.within(1, scenario.tries)
        } as i64;
        let (package, identifier) = match scenario.when {
            When::Feature => (self.feature(random), PLACEHOLDER.to_owned()),
            _ => self.build.cumulative(release),
        };
        let client = if scenario.when == When::Feature {
            "FodHelper(LanguageFeaturesOnDemand)"
        } else {
            "WindowsUpdateAgent"
        };
        let update = Update {
            package,
            identifier,
            client,
            release,
        };
        let mut last = first;
        for attempt in 0..tries {
            let day = first + attempt;
            if day >= days {
                break;
            }
            last = day;
            let minute = random.within(540, 1_080);
            self.tasks.push(Task {
                at_us: self.moment(day, minute),
                what: What::Fail(place, update.clone()),
            });
            self.scenarios.push(PlannedScenario {
                day,
                name: scenario.name,
            });
        }
        // Half of the broken updates get mended and install; the rest of the fleet's trouble stays.
        let mended = last + random.within(2, 4) as i64;
        if scenario.when == When::Update && random.chance(50) && mended < days - 1 {
            let minute = random.within(600, 1_000);
            self.tasks.push(Task {
                at_us: self.moment(mended, minute),
                what: What::Install(update, random.within(70, 900)),
            });
        }
        (scenario.when == When::Update || scenario.when == When::Outbreak).then_some(release)
    }

    /// Plans the updates that work: every release whose day lies in the history, a preview for some, a feature for few.
    fn add_updates(&mut self, fleet: &Fleet, random: &mut Random, failing: Option<Release>) {
        let (first_day, days) = (fleet.first_day(), i64::from(fleet.days));
        let mut release = Release::of_day(first_day - 31);
        while release.tuesday() < first_day + days {
            let day = release.tuesday() + update_lag(random, self.build.server) - first_day;
            let preview = release.tuesday() + 14 + random.below(5) as i64 - first_day;
            // Who fails restarts in time otherwise, so that the failure is not pushed aside by a long wait.
            let waits = failing.is_none() && random.chance(15);
            let wait_s = if waits {
                random.within(30_000, 140_000)
            } else {
                random.within(70, 2_400)
            };
            // A few never restart.
            let wait_s = if failing.is_none() && random.chance(3) {
                NEVER_S
            } else {
                wait_s
            };
            if failing != Some(release) && (0..days).contains(&day) {
                let (package, identifier) = self.build.cumulative(release);
                self.push_install(
                    random,
                    day,
                    Update {
                        package,
                        identifier,
                        client: "WindowsUpdateAgent",
                        release,
                    },
                    wait_s,
                );
            }
            if self.build.era == Era::Ten && random.chance(40) && (0..days).contains(&(day + 1)) {
                let identifier = self.build.kb(release, 3);
                let package = format!(
                    "Package_for_DotNetRollup_481~31bf3856ad364e35~amd64~~10.0.{}.1",
                    9_200 + release.index() % 100
                );
                let wait_s = random.within(70, 1_200);
                self.push_install(
                    random,
                    day + 1,
                    Update {
                        package,
                        identifier,
                        client: "WindowsUpdateAgent",
                        release,
                    },
                    wait_s,
                );
            }
            if !self.build.server
                && self.build.era == Era::Ten
                && failing.is_none()
                && random.chance(10)
                && (0..days).contains(&preview)
            {
                let identifier = self.build.kb(release, 1);
                let revision = self.build.revision_of(release) + 61;
                let package = format!(
                    "Package_for_RollupFix~31bf3856ad364e35~amd64~~{}.{revision}.1.2",
                    self.build.branch
                );
                let wait_s = random.within(70, 1_200);
                self.push_install(
                    random,
                    preview,
                    Update {
                        package,
                        identifier,
                        client: "WindowsUpdateAgent",
                        release,
                    },
                    wait_s,
                );
            }
            release = release.next();
        }
        if self.build.era == Era::Ten && random.chance(12) {
            let package = self.feature(random);
            let update = Update {
                package,
                identifier: PLACEHOLDER.to_owned(),
                client: "FodHelper(LanguageFeaturesOnDemand)",
                release: fleet.release(0),
            };
            let (day, minute) = (
                random.below(days.max(1) as u64) as i64,
                random.within(540, 1_020),
            );
            self.tasks.push(Task {
                at_us: self.moment(day, minute),
                what: What::Feature(update),
            });
        }
    }

    fn push_install(&mut self, random: &mut Random, day: i64, update: Update, wait_s: u64) {
        let minute = random.within(480, 1_200);
        self.tasks.push(Task {
            at_us: self.moment(day, minute),
            what: What::Install(update, wait_s),
        });
    }

    /// Plans the runs in between.
    fn add_inventories(&mut self, fleet: &Fleet, random: &mut Random) {
        // A run of real logs has a hundred to some thousand records; a busier machine has longer runs and more of them.
        let size = (fleet.records_per_day / 8).clamp(110, 4_000);
        let mut due = 0;
        for day in 0..i64::from(fleet.days) {
            let weekend = (fleet.first_day() + day + 4).rem_euclid(7) % 6 == 0;
            due += if weekend && !self.build.server {
                fleet.records_per_day * 2 / 5
            } else {
                fleet.records_per_day * 6 / 5
            };
            let runs = due / size;
            due %= size;
            for run in 0..runs {
                let minute = 430 + run * 720 / runs + random.below(720 / runs.max(1) + 1);
                self.tasks.push(Task {
                    at_us: self.moment(day, minute),
                    what: What::Inventory(size),
                });
            }
        }
        // One endpoint in five has an older file as well. Who ran `findstr` read one file only.
        if self.index % 5 == 4 && !self.chinese {
            let day = i64::from(fleet.days) * 3 / 5;
            self.tasks.push(Task {
                at_us: self.moment(day, 1),
                what: What::Rotate,
            });
        }
    }

    /// A feature's package.
    fn feature(&self, random: &mut Random) -> String {
        let name = *random.pick(&[
            "LanguageFeatures-Basic-ja-jp",
            "LanguageFeatures-OCR-zh-hk",
            "Wallet-FoD",
            "StepsRecorder",
            "WordPad-FoD",
            "Printing-PMCPPC-FoD",
            "Hello-Face",
        ]);
        format!(
            "Microsoft-Windows-{name}-Package~31bf3856ad364e35~amd64~~{}.1",
            self.build.version
        )
    }
}

/// The scenario of an endpoint, and whether it is the first of its hundred to have it.
fn scenario_of(seed: u64, index: usize) -> (Option<usize>, bool) {
    // 37 and 100 share no factor: each hundred endpoints takes each slot once, and any few in a row are spread.
    let slot = ((index as u64 % 100) * 37 + index as u64 / 100 * 11 + seed % 100) % 100;
    let mut below = 0;
    for (place, scenario) in SCENARIOS.iter().enumerate() {
        if slot < below + scenario.share {
            return (Some(place), slot == below);
        }
        below += scenario.share;
    }
    (None, false)
}

fn choose_build(random: &mut Random, scenario: Option<&Scenario>) -> &'static Build {
    let fits = |build: &&'static Build| scenario.is_none_or(|scenario| fits(scenario.place, build));
    let total: u64 = BUILDS.iter().filter(fits).map(|build| build.weight).sum();
    let mut at = random.below(total);
    for build in BUILDS.iter().filter(fits) {
        if at < build.weight {
            return build;
        }
        at -= build.weight;
    }
    &BUILDS[0]
}

/// Whether a scenario may happen on a build.
pub(crate) fn fits(place: Where, build: &Build) -> bool {
    match place {
        Where::Any => true,
        Where::Ten => build.era == Era::Ten,
        Where::Old => build.era != Era::Ten,
        Where::MainClient => build.branch == "19041",
        Where::LongTerm => build.branch == "17763",
    }
}

/// Days between release and install: clients within days and fewer each day, servers at weekends.
fn update_lag(random: &mut Random, server: bool) -> i64 {
    if server {
        return if random.chance(60) { 4 } else { 11 };
    }
    let mut lag = 1;
    // A third installs each day; nobody waits longer than eleven days.
    while lag < 11 && !random.chance(34) {
        lag += 1;
    }
    lag
}

fn weighted<T: Copy + Default>(random: &mut Random, list: &[(u64, T)]) -> T {
    let mut at = random.below(list.iter().map(|(weight, _)| weight).sum());
    for &(weight, value) in list {
        if at < weight {
            return value;
        }
        at -= weight;
    }
    T::default()
}
