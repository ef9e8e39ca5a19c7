#![doc = include_str!("../README.md")]

mod check;
mod config;
mod document;
mod escape;
mod fit;
mod guard;
mod http;
mod kinds;
mod message;
mod outcome;
mod pace;
mod preview;
mod receivers;
mod secret;
mod trust;

pub use config::{Fault, ReceiverConfig};
pub use kinds::Kind;
pub use kinds::email::Mail;
pub use message::{Item, Language, Message, Severity, Status, Text, Tongue};
pub use outcome::Outcome;
pub use preview::{mail, preview};
pub use receivers::Receivers;
