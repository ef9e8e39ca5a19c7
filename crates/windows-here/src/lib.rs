#![doc = include_str!("../README.md")]

#[cfg(not(windows))]
mod elsewhere;
#[cfg(windows)]
mod native;
#[cfg(windows)]
mod registry_of_windows;

#[cfg(not(windows))]
use elsewhere as system;
#[cfg(windows)]
use native as system;

use std::io;
use std::path::{Path, PathBuf};

/// What a signature comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It is there, whole, and of somebody whom this machine trusts.
    Good,
    /// There is none.
    Missing,
    /// What Windows says against it.
    Bad(u32),
}

/// A value of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryValue {
    /// REG_SZ and REG_EXPAND_SZ.
    Text(String),
    /// REG_DWORD.
    Number(u32),
    /// REG_MULTI_SZ.
    Texts(Vec<String>),
    /// Any other kind, which is not read.
    Other,
}

/// A key of HKEY_LOCAL_MACHINE: its values by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryKey {
    /// Values, sorted by name.
    pub values: Vec<(String, RegistryValue)>,
}

/// Language of the user interface, as a language id; its lower ten bits say which language (4 = Chinese).
pub fn ui_language() -> Option<u16> {
    system::ui_language()
}

/// Whether the console was made for this process alone, as it is when a program is double-clicked. It closes with the process.
pub fn has_console_of_its_own() -> bool {
    system::has_console_of_its_own()
}

/// Whether standard output is a console that obeys escape sequences; asks it to. Elsewhere every terminal does.
pub fn takes_escapes() -> bool {
    system::takes_escapes()
}

/// Whether the process has the rights of an administrator; nothing where there is no such thing.
pub fn is_elevated() -> Option<bool> {
    system::is_elevated()
}

/// Starts a program again with the rights of an administrator, after Windows asked the user.
pub fn start_elevated(program: &Path, arguments: &str) -> io::Result<()> {
    system::start_elevated(program, arguments)
}

/// Opens a file with the program that the user has for it.
pub fn open(path: &Path) -> io::Result<()> {
    system::open(path)
}

/// The Windows folder, such as `C:\Windows`.
pub fn windows_folder() -> Option<PathBuf> {
    system::windows_folder()
}

/// The name under which this process sees the real `System32`: a 32-bit one on 64-bit Windows is shown another one.
pub fn system32_name() -> &'static str {
    system::system32_name()
}

/// Writes all events of a channel to a new .evtx file, as the service that holds the channel knows them.
pub fn export_channel(channel: &str, file: &Path) -> io::Result<()> {
    system::export_channel(channel, file)
}

/// Seconds since the machine started.
pub fn uptime_seconds() -> Option<u64> {
    system::uptime_seconds()
}

/// Free and total bytes of the volume that holds a folder.
pub fn space(folder: &Path) -> Option<(u64, u64)> {
    system::space(folder)
}

/// Whether a volume such as `C:` is marked to be checked. Needs the rights of an administrator.
pub fn is_dirty(volume: &str) -> io::Result<bool> {
    system::is_dirty(volume)
}

/// Kind of a reparse point (a link, a mount, a file kept elsewhere); nothing for a file that is none.
pub fn reparse_tag(path: &Path) -> Option<u32> {
    system::reparse_tag(path)
}

/// What Windows says of the signature of a file, without asking the network.
pub fn signature(path: &Path) -> io::Result<Signature> {
    system::signature(path)
}

/// A key below HKEY_LOCAL_MACHINE, of the 64-bit registry where there are two; nothing where it is missing or closed to us.
pub fn local_machine(path: &str) -> Option<RegistryKey> {
    #[cfg(windows)]
    return registry_of_windows::local_machine(path);
    #[cfg(not(windows))]
    return elsewhere::local_machine(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(windows))]
    #[test]
    fn elsewhere_nothing_is_known_and_nothing_fails() {
        assert_eq!(ui_language(), None);
        assert!(!has_console_of_its_own());
        assert_eq!(windows_folder(), None);
        assert_eq!(local_machine("SOFTWARE"), None);
        assert!(signature(Path::new("x")).is_err());
        assert!(export_channel("System", Path::new("x")).is_err());
    }
}
