#![doc = include_str!("../README.md")]

mod backtest;
mod claim;
mod compose;
mod delivery;
mod desk;
mod evaluator;
mod line;
mod load;
mod measure;
mod message;
mod metrics;
mod pace;
mod preview;
mod publish;
mod rule;
mod rules;
mod state;
mod text;
mod trial;

pub use backtest::{Backtest, Firing, backtest};
pub use claim::Claim;
pub use desk::{Desk, Done, Kill, PAGE, Setting};
pub use evaluator::Evaluator;
pub use message::{Item, Message, Nobody, Outcome, Receivers, Status as MessageStatus, Text};
pub use metrics::Status;
pub use preview::preview;
pub use publish::{Did, RulesError, publish, publish_shipped};
pub use rule::{Baseline, Figure, Narrow, Rule, Severity, Threshold, by_name};
pub use rules::Rules;
pub use state::Now;
pub use trial::{Broken, Case, Step};
