//! What goes, and when: raw text for lack of space or of age, and rows that nobody reads any more.
//!
//! Events, derived rows and coverage stay: what was found remains, and the text reads as "expired".

mod expiry;
mod plan;
mod space;
mod tidy;

pub use expiry::Expired;
pub use space::{Freed, TextHeld};
