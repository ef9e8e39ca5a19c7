//! Forms that people send which are no log: facts about a machine, and exports of other tools. They are named, so that nobody takes them for read.

/// A form by words that stand near its start, all of them.
struct Form {
    words: &'static [&'static str],
    reason: &'static str,
}

/// The surest first: exports may quote the words of others.
const FORMS: [Form; 18] = [
    Form {
        words: &["PML_"],
        reason: "Process Monitor's own file: no log that is read; save as CSV there, filtered to TiWorker.exe and TrustedInstaller.exe, and look at results other than SUCCESS",
    },
    Form {
        words: &["\"Process Name\"", "\"Operation\"", "\"Result\""],
        reason: "Process Monitor's CSV: no log of a failure; CBS.log of the same minutes names the object to look for in it",
    },
    Form {
        words: &["Windows Registry Editor Version 5.00"],
        reason: "registry export: facts about the machine, no log of a failure",
    },
    Form {
        words: &["HKEY_LOCAL_MACHINE\\", "REG_"],
        reason: "output of reg query: facts about the machine, no log of a failure",
    },
    Form {
        words: &["Host Name:", "OS Name:", "OS Version:"],
        reason: SYSTEMINFO,
    },
    Form {
        words: &["主机名:", "OS 名称:", "OS 版本:"],
        reason: SYSTEMINFO,
    },
    Form {
        words: &["System Manufacturer", "OS Name", "System Model"],
        reason: "output of msinfo32: facts about the machine, no log of a failure",
    },
    Form {
        words: &["HotFixID", "InstalledBy"],
        reason: "list of installed updates: facts about the machine, no log of a failure",
    },
    Form {
        words: &["HotFixID", "Description"],
        reason: "list of installed updates: facts about the machine, no log of a failure",
    },
    Form {
        words: &["Package Identity :", "State :"],
        reason: PACKAGES,
    },
    Form {
        words: &["Package Identity", "Release Type", "Install Time"],
        reason: PACKAGES,
    },
    Form {
        words: &["程序包标识", "状态"],
        reason: PACKAGES,
    },
    Form {
        words: &["Filter Name", "Num Instances", "Altitude"],
        reason: "output of fltmc: facts about the machine, no log of a failure",
    },
    Form {
        words: &["SERVICE_NAME:", "STATE"],
        reason: "output of sc query: facts about the machine, no log of a failure",
    },
    Form {
        words: &["\"tables\"", "\"columns\"", "\"rows\""],
        reason: "answer of Azure Monitor as rows without names: save the records as JSON objects or CSV",
    },
    Form {
        words: &["ProviderName:", "LevelDisplayName", "TimeCreated"],
        reason: "table of Get-WinEvent: it cuts messages off; save with Format-List, Export-Csv or wevtutil epl",
    },
    Form {
        words: &["EntryType", "InstanceID", "Source"],
        reason: "table of Get-EventLog: it cuts messages off and has no years; save with Format-List, Export-Csv or wevtutil epl",
    },
    Form {
        words: &["Windows Update logs are now generated using ETW"],
        reason: "WindowsUpdate.log of Windows 10 and later is a note, no log: run Get-WindowsUpdateLog and give what it writes",
    },
];

const SYSTEMINFO: &str = "output of systeminfo: facts about the machine, no log of a failure";
const PACKAGES: &str = "output of dism /get-packages: facts about the machine, no log of a failure";

/// The reasons, some of them more than once.
pub(crate) fn reasons() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|form| form.reason)
}

/// Why a text is no log, where it is one of these forms.
pub(crate) fn reason(text: &str) -> Option<&'static str> {
    FORMS
        .iter()
        .find(|form| form.words.iter().all(|words| text.contains(words)))
        .map(|form| form.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up values.
    #[test]
    fn facts_are_named() {
        for (text, word) in [
            (
                "\nHost Name:                 PC-1\nOS Name:                   Microsoft Windows 10 Pro\nOS Version:                10.0.19045 N/A Build 19045\n",
                "systeminfo",
            ),
            (
                "Source        Description      HotFixID      InstalledBy          InstalledOn\n",
                "installed updates",
            ),
            (
                "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n",
                "registry export",
            ),
            (
                "HKEY_LOCAL_MACHINE\\SOFTWARE\\Made\\Up\n    UseWUServer    REG_DWORD    0x1\n",
                "reg query",
            ),
            (
                "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n",
                "CSV",
            ),
        ] {
            assert!(
                reason(text).is_some_and(|reason| reason.contains(word)),
                "{text}"
            );
        }
        assert_eq!(reason("hello\n"), None);
    }
}
