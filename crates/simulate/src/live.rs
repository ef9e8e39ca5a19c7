//! A log that goes on: further records of one endpoint after its history, released as time passes.

use crate::calendar::{DAY_MS, Release};
use crate::endpoint::{empty_truth, history};
use crate::fleet::{EndpointPlan, fits};
use crate::healthy::inventory;
use crate::scenario::SCENARIOS;
use crate::scenario::When;
use crate::truth::Truth;
use crate::update::{PLACEHOLDER, Update, install, install_feature};
use crate::writer::Writer;
use event::UtcMillis;

/// How busy a live endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Seconds of rest between two things it does, on average.
    pub gap_s: u64,
    /// Of 100 things it does, how many fail.
    pub failures_percent: u64,
}

impl Default for Pace {
    /// Something every five minutes, every twelfth of it a failure: enough that a page of 200 endpoints moves while one looks.
    fn default() -> Self {
        Self {
            gap_s: 300,
            failures_percent: 8,
        }
    }
}

/// An endpoint that keeps writing its CBS.log.
///
/// Invariant: what it writes depends on the plan, the start and the pace, never on when [`Live::next`] is called.
pub struct Live {
    plan: EndpointPlan,
    writer: Writer,
    pace: Pace,
    offset: u64,
    updates: u64,
}

impl Live {
    /// Goes on after the plan's history, or at `start` where that is later.
    pub fn new(plan: &EndpointPlan, start: UtcMillis, pace: Pace) -> Self {
        let mut writer = history(plan);
        let offset = writer.log_len() as u64;
        writer.forget_log();
        writer.attempts.clear();
        writer.findings.clear();
        writer.forget_noise();
        writer.end_us = i64::MAX;
        writer.mark_records();
        writer.wait_until_us(start.0.saturating_mul(1_000));
        Self {
            plan: plan.clone(),
            writer,
            pace,
            offset,
            updates: 0,
        }
    }

    /// The endpoint.
    pub fn plan(&self) -> &EndpointPlan {
        &self.plan
    }

    /// Where the bytes go: `Windows/Logs/CBS/CBS.log`.
    pub fn path(&self) -> &'static str {
        "Windows/Logs/CBS/CBS.log"
    }

    /// Offset in that file of the first byte that [`Live::next`] will give.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The whole records written since the last call, up to `now`.
    pub fn next(&mut self, now: UtcMillis) -> Vec<u8> {
        let now_us = now.0.saturating_mul(1_000);
        while self.writer.now_us() <= now_us {
            self.act();
        }
        let bytes = self.writer.take_until_us(now_us);
        self.offset += bytes.len() as u64;
        bytes
    }

    /// What was planted since the start, things under way included; files are left out.
    pub fn truth(&self) -> Truth {
        Truth {
            attempts: self.writer.attempts.clone(),
            findings: self.writer.findings.clone(),
            noise: self.writer.noise_counts(),
            ..empty_truth(&self.plan)
        }
    }

    fn act(&mut self) {
        let gap_ms = self.pace.gap_s * 1_000;
        self.writer.wait_ms(gap_ms / 2, gap_ms * 3 / 2);
        let w = &mut self.writer;
        let release = Release::of_day(w.now_us().div_euclid(DAY_MS * 1_000));
        self.updates += 1;
        if w.random.chance(self.pace.failures_percent) {
            let fitting: Vec<usize> = (0..SCENARIOS.len())
                .filter(|&place| fits(SCENARIOS[place].place, self.plan.build))
                .collect();
            let scenario = &SCENARIOS[*w.random.pick(&fitting)];
            let update = if scenario.when == When::Feature {
                feature(&self.plan, release)
            } else {
                hotfix(&self.plan, release, self.updates)
            };
            (scenario.write)(w, &update);
            return;
        }
        match w.random.below(10) {
            0 => {
                let wait_s = w.random.within(60, 180);
                install(w, &hotfix(&self.plan, release, self.updates), wait_s);
            }
            1 if self.plan.build.era == crate::builds::Era::Ten => {
                install_feature(w, &feature(&self.plan, release))
            }
            _ => inventory(w, 90),
        }
    }
}

/// A small update of its own, so that no two attempts of an endpoint are for the same package.
fn hotfix(plan: &EndpointPlan, release: Release, number: u64) -> Update {
    let identifier = format!("KB{}", 5_090_000 + number % 9_000);
    let package = format!(
        "Package_for_{identifier}~31bf3856ad364e35~amd64~~{}.1.{}",
        plan.build.version,
        number % 9 + 1
    );
    Update {
        package,
        identifier,
        client: "WindowsUpdateAgent",
        release,
    }
}

fn feature(plan: &EndpointPlan, release: Release) -> Update {
    let package = format!(
        "Microsoft-Windows-WordPad-FoD-Package~31bf3856ad364e35~amd64~~{}.1",
        plan.build.version
    );
    Update {
        package,
        identifier: PLACEHOLDER.to_owned(),
        client: "FodHelper(LanguageFeaturesOnDemand)",
        release,
    }
}
