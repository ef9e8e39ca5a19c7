#![doc = include_str!("../README.md")]
// Text of strangers: a slice that ends within a letter ends whoever reads it. Where a place is right by construction, the reason stands there.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

pub mod catalogue;
mod classify;
mod clusters;
mod codes;
mod derive;
mod entities;
mod failure;
mod marker;
mod reasons;
mod rules;
mod titles;
mod workshop;

pub use classify::{Classified, classify, identity_of, rules_matching};
pub use clusters::{Cluster, Clusters, template};
pub use codes::{Spelling, codes_in};
pub use derive::{
    BETWEEN_OBJECTS, DayParts, Judgement, Standing, StreamFacts, UnitInput, VERDICT_MARKERS,
    Verdict, days_to_derive, derive, derive_all, derive_days, derive_from, judge, merge, month_of,
    news_of, verdict,
};
pub use reasons::reason_text;
pub use rules::{
    Bilingual, CATEGORIES, CLASSIFIER_VERSION, Fault, Layer, Rule, Rules, Steps, Tests, Trial,
};
pub use titles::{advice, title};
pub use workshop::{BrokenTest, Inspected, Inspector, Sample, broken_tests};
