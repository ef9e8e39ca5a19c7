//! What this machine is called, and where it keeps things.

use std::path::{Path, PathBuf};

/// Folders and files that servicing writes to.
#[cfg(windows)]
pub(crate) fn own_logs() -> Vec<String> {
    let root = std::env::var("SystemRoot").unwrap_or_else(|_| "C:\\Windows".to_owned());
    let drive = root.split('\\').next().unwrap_or("C:").to_owned();
    let below = [
        "Logs\\CBS",
        "Logs\\DISM",
        "Logs\\MoSetup",
        "SoftwareDistribution\\ReportingEvents.log",
        "WindowsUpdate.log",
        "Panther",
        "Panther\\UnattendGC",
        "PFRO.log",
        "CCM\\Logs",
        "System32\\winevt\\Logs\\Setup.evtx",
        "System32\\winevt\\Logs\\System.evtx",
        "System32\\winevt\\Logs\\Microsoft-Windows-WindowsUpdateClient%4Operational.evtx",
    ];
    let mut logs: Vec<String> = below.iter().map(|path| format!("{root}\\{path}")).collect();
    // A rolled-back upgrade leaves its logs there.
    for folder in ["Panther", "Rollback"] {
        logs.push(format!("{drive}\\$WINDOWS.~BT\\Sources\\{folder}"));
    }
    logs
}

/// Elsewhere there are none of its own.
#[cfg(not(windows))]
pub(crate) fn own_logs() -> Vec<String> {
    Vec::new()
}

/// Where checkpoints go unless the configuration says so. On Windows beside it: a service need not be told the same folders as a user.
pub(crate) fn state_folder(beside: &Path) -> PathBuf {
    match cfg!(windows) {
        true => beside.to_owned(),
        false => PathBuf::from("/var/lib/cbsift-agent"),
    }
}

/// Where the configuration is looked for.
pub(crate) fn config_file() -> PathBuf {
    #[cfg(windows)]
    {
        let data = std::env::var("ProgramData").unwrap_or_else(|_| "C:\\ProgramData".to_owned());
        PathBuf::from(data).join("cbsift-agent").join("agent.toml")
    }
    #[cfg(not(windows))]
    PathBuf::from("/etc/cbsift/agent.toml")
}

/// What the machine is known by, whatever it is called.
#[cfg(windows)]
pub(crate) fn guid() -> anyhow::Result<String> {
    use anyhow::Context;
    // The 64-bit view: a 32-bit program would be shown another key, which is empty.
    const KEY: &str = "SOFTWARE\\Microsoft\\Cryptography";
    const WOW64_64KEY: u32 = 0x0100;
    windows_registry::LOCAL_MACHINE
        .options()
        .read()
        .access(0x0002_0019 | WOW64_64KEY)
        .open(KEY)
        .and_then(|key| key.get_string("MachineGuid"))
        .context("cannot read `MachineGuid` of HKLM\\SOFTWARE\\Microsoft\\Cryptography")
}

/// What the machine is known by, whatever it is called.
#[cfg(not(windows))]
pub(crate) fn guid() -> anyhow::Result<String> {
    use anyhow::Context;
    std::fs::read_to_string("/etc/machine-id").context("cannot read `/etc/machine-id`")
}

/// Its name, for people.
pub(crate) fn host() -> String {
    #[cfg(windows)]
    let name = std::env::var("COMPUTERNAME").ok();
    #[cfg(not(windows))]
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.unwrap_or_default();
    match name.trim() {
        "" => "unknown".to_owned(),
        name => name.to_owned(),
    }
}
