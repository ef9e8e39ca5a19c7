//! Cabinets: members are stretches of folders, and a folder is decoded from its start, block by block.
//!
//! The format is small ([MS-CAB], MSZIP in [MS-MCI], LZX by the crate `lzxd`). The crate `cab` finds members by name only, lends its
//! readers, gives up the whole cabinet for one bad entry, and panics on offsets beyond a folder's end; here all of that is hostile input.

mod check;
mod decode;
mod directory;

pub use check::{CabinetCheck, check_cabinet};
pub(crate) use decode::CabReader;
pub(super) use directory::{Entry, REASONS, list};
