//! The service: registered with Windows, or a unit for systemd.

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use self::windows::{install, run, uninstall};

#[cfg(not(windows))]
mod systemd;
#[cfg(not(windows))]
pub(crate) use self::systemd::{install, run, uninstall};
