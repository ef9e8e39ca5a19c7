//! The kinds of files that tell facts.

/// What a file of facts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactsForm {
    /// Export of the registry: `.reg`.
    Registry,
    /// Output of `reg query`.
    RegQuery,
    /// Output of `systeminfo`.
    SystemInfo,
    /// Export of msinfo32.
    MsInfo,
    /// List of installed updates: Get-HotFix, `wmic qfe`.
    Updates,
    /// Output of `dism /get-packages`.
    Packages,
    /// Output of `fltmc`.
    Filters,
    /// Output of `netsh winhttp show proxy`.
    Proxy,
    /// Process Monitor's CSV.
    ProcessMonitor,
}

impl FactsForm {
    /// Every form.
    pub const ALL: [Self; 9] = [
        Self::Registry,
        Self::RegQuery,
        Self::SystemInfo,
        Self::MsInfo,
        Self::Updates,
        Self::Packages,
        Self::Filters,
        Self::Proxy,
        Self::ProcessMonitor,
    ];

    /// For machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry_export",
            Self::RegQuery => "reg_query",
            Self::SystemInfo => "systeminfo",
            Self::MsInfo => "msinfo32",
            Self::Updates => "updates",
            Self::Packages => "packages",
            Self::Filters => "fltmc",
            Self::Proxy => "winhttp",
            Self::ProcessMonitor => "process_monitor",
        }
    }

    /// Why it is skipped where only logs are taken.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Registry => "registry export: facts about the machine, no log of a failure",
            Self::RegQuery => "output of reg query: facts about the machine, no log of a failure",
            Self::SystemInfo => {
                "output of systeminfo: facts about the machine, no log of a failure"
            }
            Self::MsInfo => "output of msinfo32: facts about the machine, no log of a failure",
            Self::Updates => {
                "list of installed updates: facts about the machine, no log of a failure"
            }
            Self::Packages => {
                "output of dism /get-packages: facts about the machine, no log of a failure"
            }
            Self::Filters => "output of fltmc: facts about the machine, no log of a failure",
            Self::Proxy => "output of netsh winhttp: facts about the machine, no log of a failure",
            Self::ProcessMonitor => {
                "Process Monitor's CSV: no log of a failure; CBS.log of the same minutes names the object to look for in it"
            }
        }
    }
}
