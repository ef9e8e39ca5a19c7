#![doc = include_str!("../README.md")]

mod address;
mod admission;
mod connection;
mod door;
pub mod open_files;
mod stall;
mod tls;
pub mod tokens;

pub use address::{ListenError, check_listen, listen};
pub use admission::{Admission, Limits, Place};
pub use connection::{Peer, connection};
pub use door::{Serving, serve};
pub use tls::{Tls, TlsError, TlsFiles};
pub use tokens::{Caller, Denied, Keyring, Owner, Reader, Tokens, TokensError};
