//! Where Windows writes what servicing does: the one list, for `scan` of a machine and for its bundle.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a place is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The Windows folder.
    Windows,
    /// The volume that holds it.
    Volume,
    /// `ProgramData` of that volume.
    ProgramData,
}

/// What is done with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Read by a scan, and part of a bundle.
    Log,
    /// An event log: the service that holds it is asked first.
    Channel(&'static str),
    /// Part of a bundle only: no reader of ours knows it.
    Raw,
    /// Only whether it is there, its size and its time.
    Mark,
}

/// A file, a folder with all that is below it, or `*.ending` of a folder.
pub(crate) struct Place {
    pub(crate) base: Base,
    pub(crate) path: &'static str,
    pub(crate) used: Use,
}

const fn log(base: Base, path: &'static str) -> Place {
    let used = Use::Log;
    Place { base, path, used }
}

const fn raw(base: Base, path: &'static str) -> Place {
    let used = Use::Raw;
    Place { base, path, used }
}

const fn channel(name: &'static str, path: &'static str) -> Place {
    Place {
        base: Base::Windows,
        path,
        used: Use::Channel(name),
    }
}

/// Every place, from Windows 7 to 11. The security log is not among them: it tells of people.
pub(crate) const PLACES: &[Place] = &[
    log(Base::Windows, "Logs/CBS"),
    log(Base::Windows, "Logs/DISM"),
    log(Base::Windows, "Logs/DPX"),
    log(Base::Windows, "Logs/MoSetup"),
    log(Base::Windows, "Logs/SetupDiag"),
    log(Base::Windows, "Logs/ReAgent"),
    // Windows 7 writes it here; later there is a stub.
    log(Base::Windows, "WindowsUpdate.log"),
    log(Base::Windows, "SoftwareDistribution/ReportingEvents.log"),
    log(Base::Windows, "Panther"),
    // An upgrade that was rolled back leaves its logs there.
    log(Base::Volume, "$WINDOWS.~BT/Sources/Panther"),
    log(Base::Volume, "$WINDOWS.~BT/Sources/Rollback"),
    log(Base::Windows, "inf/setupapi.dev.log"),
    log(Base::Windows, "PFRO.log"),
    log(Base::Windows, "WinSxS/poqexec.log"),
    log(Base::Windows, "CCM/Logs"),
    log(
        Base::ProgramData,
        "Microsoft/IntuneManagementExtension/Logs",
    ),
    log(Base::Windows, "Temp/MpSigStub.log"),
    channel("System", "System32/winevt/Logs/System.evtx"),
    channel("Setup", "System32/winevt/Logs/Setup.evtx"),
    channel("Application", "System32/winevt/Logs/Application.evtx"),
    channel(
        "Microsoft-Windows-WindowsUpdateClient/Operational",
        "System32/winevt/Logs/Microsoft-Windows-WindowsUpdateClient%4Operational.evtx",
    ),
    channel(
        "Microsoft-Windows-WinREAgent/Operational",
        "System32/winevt/Logs/Microsoft-Windows-WinREAgent%4Operational.evtx",
    ),
    channel(
        "Microsoft-Windows-Bits-Client/Operational",
        "System32/winevt/Logs/Microsoft-Windows-Bits-Client%4Operational.evtx",
    ),
    channel(
        "Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider/Admin",
        "System32/winevt/Logs/Microsoft-Windows-DeviceManagement-Enterprise-Diagnostics-Provider%4Admin.evtx",
    ),
    channel(
        "Microsoft-Windows-Ntfs/Operational",
        "System32/winevt/Logs/Microsoft-Windows-Ntfs%4Operational.evtx",
    ),
    raw(Base::Windows, "Logs/WindowsUpdate/*.etl"),
    raw(Base::ProgramData, "USOShared/Logs/*.etl"),
    Place {
        base: Base::Windows,
        path: "WinSxS/pending.xml",
        used: Use::Mark,
    },
];

/// A Windows installation: this machine's, one of another volume, or a tree that was copied.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    pub(crate) windows: PathBuf,
    pub(crate) volume: PathBuf,
    /// The name under which `System32` is seen as it is.
    system32: &'static str,
    /// It is the Windows that this process runs on.
    pub(crate) is_live: bool,
}

impl Installation {
    /// The Windows that this process runs on.
    pub(crate) fn of_this_machine() -> Option<Self> {
        let windows = windows_here::windows_folder()?;
        Some(Self {
            volume: windows.parent()?.to_owned(),
            windows,
            system32: windows_here::system32_name(),
            is_live: true,
        })
    }

    /// The one at a folder: a Windows folder, or what holds one.
    pub(crate) fn at(root: &Path) -> io::Result<Self> {
        let of = |windows: &Path, volume: &Path| Self {
            windows: windows.to_owned(),
            volume: volume.to_owned(),
            system32: "System32",
            is_live: false,
        };
        fs::read_dir(root)?;
        if let Some(windows) = below(root, "Windows")? {
            return Ok(of(&windows, root));
        }
        let volume = root
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        Ok(of(root, volume.unwrap_or(Path::new("."))))
    }

    /// Whether the rest of Windows is there too, so that what a finding names can be expected: of copied logs alone everything is missing.
    pub(crate) fn is_whole(&self) -> bool {
        let kernel = below(&self.windows, &format!("{}/ntoskrnl.exe", self.system32));
        self.is_live || kernel.is_ok_and(|found| found.is_some())
    }

    /// Where a place is, if it is there. An error says that it cannot be known.
    pub(crate) fn find(&self, place: &Place) -> io::Result<Vec<PathBuf>> {
        let folder = match place.base {
            Base::Windows => Some(self.windows.clone()),
            Base::Volume => Some(self.volume.clone()),
            Base::ProgramData => below(&self.volume, "ProgramData")?,
        };
        let Some(folder) = folder else {
            return Ok(Vec::new());
        };
        let path = match place.path.strip_prefix("System32/") {
            Some(rest) => format!("{}/{rest}", self.system32),
            None => place.path.to_owned(),
        };
        let Some((folder_path, ending)) = path.split_once("/*") else {
            return Ok(below(&folder, &path)?.into_iter().collect());
        };
        let Some(folder) = below(&folder, folder_path)? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.to_ascii_lowercase().ends_with(ending) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    }

    /// A path below the Windows folder or beside it, with `/`, as a bundle names it.
    pub(crate) fn name(&self, path: &Path) -> String {
        let below = |folder: &Path, name: &str| {
            let rest = path.strip_prefix(folder).ok()?;
            let parts = rest
                .components()
                .map(|part| part.as_os_str().to_string_lossy().into_owned());
            let parts: Vec<String> = parts.collect();
            Some(format!("{name}{}", parts.join("/")))
        };
        below(&self.windows, "Windows/")
            .or_else(|| below(&self.volume, ""))
            .unwrap_or_else(|| {
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            })
            .replacen("Windows/Sysnative/", "Windows/System32/", 1)
    }

    /// Where a path of this installation's own words is (`C:\Program Files`, `\SystemRoot\WinSxS`, `\??\C:\x`), if it is one.
    pub(crate) fn locate(&self, object: &str) -> Option<PathBuf> {
        let object = object.trim().trim_matches('"');
        let plain = object
            .strip_prefix(r"\??\")
            .or_else(|| object.strip_prefix(r"\\?\"));
        let plain = plain.unwrap_or(object);
        let rest_of = |prefix: &str| {
            let head = plain.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix)
                .then(|| plain.get(prefix.len()..))
                .flatten()
        };
        let parts = |rest: &str| -> Option<String> {
            let parts: Vec<&str> = rest
                .split(['\\', '/'])
                .filter(|part| !part.is_empty())
                .collect();
            let is_plain = parts
                .iter()
                .all(|part| *part != ".." && *part != "." && !part.contains(':'));
            is_plain.then(|| parts.join("/"))
        };
        for prefix in [
            r"\SystemRoot\",
            r"%SystemRoot%\",
            r"%windir%\",
            r"C:\Windows\",
        ] {
            if let Some(rest) = rest_of(prefix) {
                return Some(self.in_windows(&parts(rest)?));
            }
        }
        let letter = plain
            .as_bytes()
            .first()
            .filter(|letter| letter.is_ascii_alphabetic())?;
        let rest = plain.get(1..)?.strip_prefix(":\\")?;
        let rest = parts(rest)?;
        if self.is_live {
            return Some(
                PathBuf::from(format!("{}:\\", *letter as char)).join(rest.replace('/', "\\")),
            );
        }
        // Of another volume than that of Windows nothing is known here.
        letter
            .eq_ignore_ascii_case(&b'C')
            .then(|| resolved(&self.volume, &rest))
    }

    fn in_windows(&self, rest: &str) -> PathBuf {
        let rest = match rest.split_once('/') {
            Some((first, rest)) if first.eq_ignore_ascii_case("System32") => {
                format!("{}/{rest}", self.system32)
            }
            _ => rest.to_owned(),
        };
        resolved(&self.windows, &rest)
    }
}

/// What is there under a name, in whatever case; else the name as it stands.
fn resolved(folder: &Path, path: &str) -> PathBuf {
    below(folder, path)
        .ok()
        .flatten()
        .unwrap_or_else(|| folder.join(path))
}

/// A path below a folder in whatever case, as Windows finds it; nothing where nothing is.
fn below(folder: &Path, path: &str) -> io::Result<Option<PathBuf>> {
    let mut at = folder.to_owned();
    for part in path.split('/') {
        let exact = at.join(part);
        match fs::symlink_metadata(&exact) {
            Ok(_) => at = exact,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // A file system of Windows has been asked in any case already.
            Err(_) if cfg!(windows) => return Ok(None),
            Err(_) => {
                let is_there =
                    |name: &std::ffi::OsStr| name.to_string_lossy().eq_ignore_ascii_case(part);
                let entries = match fs::read_dir(&at) {
                    Ok(entries) => entries,
                    Err(error)
                        if matches!(
                            error.kind(),
                            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                        ) =>
                    {
                        return Ok(None);
                    }
                    Err(error) => return Err(error),
                };
                let entry = entries.flatten().find(|entry| is_there(&entry.file_name()));
                let Some(entry) = entry else { return Ok(None) };
                at = entry.path();
            }
        }
    }
    Ok(Some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        folder
    }

    #[test]
    fn a_tree_is_found_by_its_windows_folder_or_by_what_holds_it_in_any_case() {
        let folder = tree(&[
            "WINDOWS/logs/cbs/CBS.log",
            "programdata/USOShared/Logs/a.ETL",
            "$WINDOWS.~BT/Sources/Panther/setupact.log",
        ]);
        for root in ["", "WINDOWS"] {
            let here = Installation::at(&folder.path().join(root)).unwrap();
            let mut names: Vec<String> = Vec::new();
            for place in PLACES {
                names.extend(here.find(place).unwrap().iter().map(|path| here.name(path)));
            }
            assert_eq!(
                names,
                [
                    "Windows/logs/cbs",
                    "$WINDOWS.~BT/Sources/Panther",
                    "programdata/USOShared/Logs/a.ETL"
                ],
                "{root:?}"
            );
        }
        assert!(Installation::at(&folder.path().join("none")).is_err());
    }

    #[test]
    fn objects_lead_to_what_is_there_and_never_out_of_the_tree() {
        let folder = tree(&[
            "Windows/WinSxS/Catalogs/a.cat",
            "Program Files/Windows Defender/x.dll",
        ]);
        let here = Installation::at(folder.path()).unwrap();
        let at = |path: &str| Some(folder.path().join(path));
        assert_eq!(
            here.locate(r"C:\Program Files\Windows Defender"),
            at("Program Files/Windows Defender")
        );
        assert_eq!(
            here.locate(r"\??\C:\windows\winsxs\catalogs\A.cat"),
            at("Windows/WinSxS/Catalogs/a.cat")
        );
        assert_eq!(
            here.locate(r"\SystemRoot\WinSxS\Catalogs"),
            at("Windows/WinSxS/Catalogs")
        );
        assert_eq!(here.locate(r"C:\none\x"), at("none/x"));
        for none in [
            r"D:\x",
            r"C:\..\etc",
            r"C:\a\..\..\b",
            r"C:\a:stream",
            "KB5000001",
            r"\\host\share",
            "",
            "服务:\\x",
            r"%windi",
        ] {
            assert_eq!(here.locate(none), None, "{none}");
        }
    }

    #[test]
    fn no_place_is_named_twice_and_none_is_the_security_log() {
        let mut names: Vec<String> = PLACES
            .iter()
            .map(|place| place.path.to_lowercase())
            .collect();
        names.sort();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
        assert!(names.iter().all(|name| !name.contains("security")));
    }
}
