//! What goes, and when: raw text for lack of space or of age, rows that nobody reads any more, and months that are over for years.
//!
//! Until then events, derived rows and coverage stay: what was found remains, and the text reads as "expired".

mod expiry;
mod months;
mod plan;
mod space;
mod tidy;

pub use expiry::Expired;
#[cfg(any(test, feature = "testing"))]
pub use months::MONTHLY_TABLES;
pub use space::{Freed, TextHeld};
