#![doc = include_str!("../README.md")]

mod alerts;
mod aliases;
mod audit;
mod backfill;
mod batch;
mod bytes;
mod config;
mod day_parts;
mod dead_letters;
mod dead_units;
mod derivation;
mod enrolment;
mod erase;
mod erasures;
mod error;
mod gaps;
mod hosts;
mod inputs;
mod jobs;
mod labels;
mod local;
mod merge;
mod migrations;
mod news;
mod queries;
mod raw;
mod readable;
mod reprocess;
mod retention;
mod rows;
mod rule_sets;
mod store;
mod stream_ends;
mod streams;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tokens;
mod told;
mod units;
mod version;

pub use alerts::{
    AlertClaim, AlertDelivery, AlertEvaluation, AlertPhase, AlertRuleSet, AlertState,
    DeliveryState, NewAlertRuleSet,
};
pub use aliases::{
    Alias, AliasKind, AliasState, Aliases, AliasesMark, MergedStream, renamed_stream,
};
pub use audit::{Action, AuditPlace, AuditRow, Fault, Verifier};
pub use batch::{Batch, Turns};
pub use config::{Profile, Secret, StoreConfig};
pub use day_parts::{DayMark, DayRow, StoredDay};
pub use dead_letters::{
    DeadLetter, KafkaOrigin, LetterContent, LetterFilter, LetterState, StoredLetter,
};
pub use dead_units::{DEAD_UNITS_LISTED, DeadUnit};
pub use derivation::{CurrentSet, EndpointFacts, UnitDerivation};
pub use enrolment::EnrolPolicy;
pub use erase::{ErasedNames, ErasedRows, Erasing, Found};
pub use erasures::{Erased, Erasures, ErasuresMark};
pub use error::{ErrorClass, StoreError};
pub use gaps::{LostPart, TopicGap, UNREADABLE};
pub use hosts::EndpointHost;
pub use inputs::{AskedDays, DayInputs};
pub use jobs::{Job, JobState, JobStep, NewJob};
pub use labels::{LABELS_OF_ENDPOINT, Label, LabelChange, LabelValues, Labels};
pub use merge::{EventPlace, Holdings, Moving, OlderEvent, renamed_event};
pub use migrations::ddl;
pub use news::{NEWS_NAMES, OpenNews, OpenNewsState, Parts, Sweep, Whose};
pub use queries::*;
pub use raw::{Import, Range, RawSlice, RawWindow, Tile, merged, tile};
pub use readable::READABLE;
pub use reprocess::{ChunkMonth, ChunkPlace, Selection};
#[cfg(any(test, feature = "testing"))]
pub use retention::MONTHLY_TABLES;
pub use retention::{Expired, Freed, TextHeld};
pub use rows::{ChunkRows, Piece, Unread};
pub use rule_sets::{NewRuleSet, RuleSet, RuleSetOrigin};
pub use store::Store;
pub use stream_ends::{StreamEnd, StreamPlace};
pub use streams::{EndpointStreams, StreamTimes};
pub use tokens::{EnrolledHost, StoredToken, TOKENS_LISTED, TokenState, TokenVia, TokensMark};
pub use units::{UnitRows, UnitView};
pub use version::DerivationVersion;
