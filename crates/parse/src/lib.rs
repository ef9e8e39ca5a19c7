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

mod bare;
mod checksur;
mod cmtrace;
mod console;
mod csi;
mod cut;
mod detect;
mod event_forms;
pub mod event_json;
mod evtx;
pub mod facts;
mod formats;
mod head;
mod pasted;
mod pfro;
mod record;
mod reporting_events;
mod setup_diag;
mod stream;
mod unread;
mod utc;
mod windows_update;

pub use checksur::{CheckSur, CorruptItem, check_sur};
pub use csi::{Csi, CsiSequence, SequenceReport};
pub use cut::{Cutter, Piece, covered_mark, source_length};
pub use detect::{Detection, HEAD_BYTES, detect};
pub use head::Head;
pub use record::{MAX_RECORD_BYTES, Record, Records, records};
pub use stream::{first_record_hash, start_bytes, start_hash, stream_id};
pub use unread::unread_reasons;
pub use utc::{clock, utc_anchor, utc_changes};
