#![doc = include_str!("../README.md")]

// In the order data flows: who and when, what happens, how it is written, what was planted.
mod builds;
mod calendar;
mod codes;
mod endpoint;
mod fleet;
mod healthy;
mod live;
mod noise;
mod random;
mod scenario;
mod side_logs;
mod truth;
mod update;
mod writer;

pub use builds::{BUILDS, Build};
pub use endpoint::{logs, produce, truth};
pub use fleet::{EndpointPlan, Fleet, PlannedScenario};
pub use live::{Live, Pace};
pub use truth::{NoiseKind, Truth, TruthAttempt, TruthCause, TruthFile, TruthFinding, TruthNoise};
pub use writer::LogFile;

/// The names of every failure that can be planted.
pub fn scenario_names() -> impl Iterator<Item = &'static str> {
    scenario::SCENARIOS.iter().map(|scenario| scenario.name)
}

#[cfg(test)]
mod tests;
