//! What a random fleet did, the same in every run.

use crate::{DAYS, FIRST, TENANT};
use event::{
    Attempt, Code, Derivation, EventId, Finding, LoggedAt, Month, Outcome, Severity, Unit,
};
use std::fmt::Write as _;
use std::sync::Arc;
use store::{ChunkRows, Day, DerivationVersion, UnitDerivation, day_start, testing};

/// Random numbers that are the same in every run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    pub(crate) fn day(&mut self) -> Day {
        FIRST + self.roll(DAYS) as Day
    }

    pub(crate) fn time(&mut self, day: Day) -> LoggedAt {
        LoggedAt(day_start(day).0 + self.roll(86_400) as i64)
    }

    pub(crate) fn code(&mut self) -> Code {
        Code::new(0x8007_0001 + self.roll(6) as u32)
    }

    pub(crate) fn kb(&mut self) -> String {
        match self.roll(4) {
            0 => String::new(),
            kb => format!("KB{kb}"),
        }
    }
}

pub(crate) fn attempt(dice: &mut Dice, day: Day, findings: u32) -> Attempt {
    let start = dice.time(day);
    let outcomes = [
        Outcome::Failed,
        Outcome::Failed,
        Outcome::RolledBack,
        Outcome::Succeeded,
        Outcome::Succeeded,
        Outcome::PendingReboot,
        Outcome::Cancelled,
        Outcome::Unknown,
    ];
    let packages = [
        "made up".to_owned(),
        String::new(),
        format!(
            "Package_for_RollupFix~31bf~amd64~~19041.{}.1.2",
            dice.roll(9)
        ),
        format!("Package_for_DotNetRollup~31bf~amd64~~10.0.{}", dice.roll(9)),
    ];
    Attempt {
        id: EventId(dice.roll(1 << 30)),
        package: packages[dice.roll(4) as usize].clone(),
        kb: dice.kb(),
        client: String::new(),
        session: String::new(),
        start: Some(start),
        end: (dice.roll(3) > 0).then_some(LoggedAt(start.0 + 60)),
        start_utc: None,
        outcome: outcomes[dice.roll(8) as usize],
        terminal_code: (dice.roll(2) > 0).then(|| dice.code()),
        finding: (findings > 0 && dice.roll(2) > 0).then(|| dice.roll(u64::from(findings)) as u32),
    }
}

pub(crate) fn finding(dice: &mut Dice, day: Day) -> Finding {
    let severities = [
        Severity::Critical,
        Severity::Error,
        Severity::Warning,
        Severity::Info,
    ];
    Finding {
        id: EventId(dice.roll(1 << 30)),
        rule: format!("rule_{}", dice.roll(3)),
        category: ["disk_full", "network"][dice.roll(2) as usize].to_owned(),
        severity: severities[dice.roll(4) as usize],
        root_code: (dice.roll(2) > 0).then(|| dice.code()),
        terminal_code: None,
        object: ["", "a", "b"][dice.roll(3) as usize].to_owned(),
        kb: dice.kb(),
        package: String::new(),
        component: String::new(),
        logged: Some(dice.time(day)),
        utc: None,
        confidence: 90,
        reasons: Vec::new(),
        count: 1 + dice.roll(4) as u32,
        evidence: Vec::new(),
    }
}

pub(crate) fn unit(dice: &mut Dice, endpoint: &str, month: Month, inputs: u64) -> UnitDerivation {
    let days: Vec<Day> = (FIRST..FIRST + DAYS as Day)
        .filter(|&day| day_start(day).month() == month)
        .collect();
    let mut day = || days[dice.roll(days.len() as u64) as usize];
    let drawn: Vec<Day> = (0..12).map(|_| day()).collect();
    let (found, tried) = (dice.roll(5) as usize, dice.roll(7) as usize);
    let findings = drawn[..found]
        .iter()
        .map(|&day| finding(dice, day))
        .collect();
    let tries = drawn[5..5 + tried].iter();
    UnitDerivation {
        unit: Unit {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            month,
        },
        version: DerivationVersion {
            rule_set: 1,
            inputs,
            places: dice.roll(1 << 30),
        },
        content: 1 + dice.roll(1 << 30),
        current: None,
        derivation: Derivation {
            findings,
            attempts: tries.map(|&day| attempt(dice, day, found as u32)).collect(),
        },
    }
}

/// A piece of a log that starts somewhere in its lines and ends in the middle of one, or whole.
pub(crate) fn piece(dice: &mut Dice, endpoint: &str) -> Vec<ChunkRows> {
    let (day, mut text) = (dice.day(), String::new());
    for line in 0..2 + dice.roll(6) {
        let at = LoggedAt(day_start(day).0 + 60 * line as i64);
        let word = ["noise", "plain", "bad", "worse"][dice.roll(4) as usize];
        let code = match dice.roll(3) {
            0 => String::new(),
            _ => format!(" {}", dice.code()),
        };
        let _ = writeln!(text, "{at} {word} {}{code}", dice.roll(9));
    }
    let stream = event::StreamId((1 + dice.roll(1 << 20)) << 20);
    let cut = text.len() - 1 - dice.roll(12) as usize;
    let mut pieces = vec![testing::rows(endpoint, 0, &text[..cut], true)];
    if dice.roll(3) > 0 {
        pieces.push(testing::rows(endpoint, 0, &text, dice.roll(2) == 0));
    }
    for rows in &mut pieces {
        let chunk = Arc::make_mut(&mut rows.chunk);
        (chunk.tenant, chunk.stream) = (TENANT.to_owned(), stream);
        for event in &mut rows.events {
            event.stream = stream;
            event.kb = ["", "KB1"][event.offset as usize % 2].to_owned();
        }
        for noise in &mut rows.noise {
            noise.stream = stream;
        }
    }
    pieces
}
