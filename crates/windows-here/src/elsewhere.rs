//! The answers where there is no Windows.

use crate::{RegistryKey, Signature};
use std::io;
use std::path::{Path, PathBuf};

pub(crate) fn ui_language() -> Option<u16> {
    None
}

pub(crate) fn has_console_of_its_own() -> bool {
    false
}

pub(crate) fn takes_escapes() -> bool {
    true
}

pub(crate) fn is_elevated() -> Option<bool> {
    None
}

pub(crate) fn start_elevated(_: &Path, _: &str) -> io::Result<()> {
    unsupported()
}

pub(crate) fn open(_: &Path) -> io::Result<()> {
    unsupported()
}

pub(crate) fn windows_folder() -> Option<PathBuf> {
    None
}

pub(crate) fn system32_name() -> &'static str {
    "System32"
}

pub(crate) fn export_channel(_: &str, _: &Path) -> io::Result<()> {
    unsupported()
}

pub(crate) fn uptime_seconds() -> Option<u64> {
    None
}

pub(crate) fn space(_: &Path) -> Option<(u64, u64)> {
    None
}

pub(crate) fn is_dirty(_: &str) -> io::Result<bool> {
    unsupported()
}

pub(crate) fn reparse_tag(_: &Path) -> Option<u32> {
    None
}

pub(crate) fn signature(_: &Path) -> io::Result<Signature> {
    unsupported()
}

pub(crate) fn local_machine(_: &str) -> Option<RegistryKey> {
    None
}

fn unsupported<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "only Windows can tell",
    ))
}
