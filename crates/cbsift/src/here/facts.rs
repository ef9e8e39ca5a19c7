//! What the machine is: policies, services, restart marks, edition, volumes, filters; each known or honestly not.

use super::commands::output;
use super::places::Installation;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use windows_here::RegistryValue;

/// A key of the registry and the values of it that are told; none named = all of it.
struct Told {
    path: &'static str,
    values: &'static [&'static str],
}

/// What is read of the registry. Values that name people or products' keys are left where they are.
const KEYS: &[Told] = &[
    Told {
        path: r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate",
        values: &[],
    },
    Told {
        path: r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU",
        values: &[],
    },
    Told {
        path: r"SOFTWARE\Microsoft\PolicyManager\current\device\Update",
        values: &[],
    },
    Told {
        path: r"SOFTWARE\Microsoft\Windows NT\CurrentVersion",
        values: &[
            "BuildLabEx",
            "CurrentBuild",
            "CurrentVersion",
            "DisplayVersion",
            "EditionID",
            "EditionSubManufacturer",
            "EditionSubVersion",
            "EditionSubstring",
            "InstallationType",
            "ProductName",
            "ReleaseId",
            "UBR",
        ],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName",
        values: &["ComputerName"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation",
        values: &["ActiveTimeBias", "Bias", "TimeZoneKeyName"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Services\wuauserv",
        values: &["Start"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Services\BITS",
        values: &["Start"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Services\CryptSvc",
        values: &["Start"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Services\TrustedInstaller",
        values: &["Start"],
    },
    Told {
        path: r"SYSTEM\CurrentControlSet\Control\Session Manager",
        values: &["PendingFileRenameOperations"],
    },
];

/// Keys that mark a waiting restart by being there.
const MARKS: &[&str] = &[
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
];

/// Programs that print what the readers of facts know, and the files that hold it.
const PRINTED: &[(&str, &[&str], &str)] = &[
    ("fltmc.exe", &["filters"], "fltmc.txt"),
    ("netsh.exe", &["winhttp", "show", "proxy"], "winhttp.txt"),
    ("reagentc.exe", &["/info"], "reagentc.txt"),
];

/// Values of a key, by name.
type Values = Vec<(String, RegistryValue)>;

/// Everything that is known of the machine.
pub(crate) struct Facts {
    is_live: bool,
    keys: Vec<(&'static str, Option<Values>)>,
    marks: Vec<(&'static str, bool)>,
    printed: Vec<(&'static str, Option<Vec<u8>>)>,
    space: Option<(u64, u64)>,
    dirty: Result<bool, String>,
    uptime_seconds: Option<u64>,
    windows: String,
}

/// `facts.json`: what is not known is null.
#[derive(Serialize)]
struct Document {
    version: u32,
    program: String,
    windows: String,
    is_live: bool,
    registry: Map<String, Value>,
    pending_restart: Map<String, Value>,
    volume: Value,
    uptime_seconds: Option<u64>,
    architecture: Option<&'static str>,
    printed: Map<String, Value>,
}

impl Facts {
    /// Asks the Windows that runs. Of one at a folder nothing is known but its logs: its registry is not opened.
    pub(super) fn of(installation: &Installation) -> Self {
        let is_live = installation.is_live;
        let key = |told: &Told| {
            let key = windows_here::local_machine(told.path).filter(|_| is_live)?;
            let is_told = |name: &str| {
                told.values.is_empty()
                    || told
                        .values
                        .iter()
                        .any(|value| value.eq_ignore_ascii_case(name))
            };
            Some(
                key.values
                    .into_iter()
                    .filter(|(name, _)| is_told(name))
                    .collect(),
            )
        };
        let system32 = installation.windows.join(windows_here::system32_name());
        let volume = installation.volume.to_string_lossy();
        let volume = volume.trim_end_matches('\\');
        Self {
            is_live,
            keys: KEYS.iter().map(|told| (told.path, key(told))).collect(),
            marks: MARKS
                .iter()
                .map(|path| {
                    (
                        *path,
                        is_live && windows_here::local_machine(path).is_some(),
                    )
                })
                .collect(),
            printed: PRINTED
                .iter()
                .map(|(program, arguments, name)| {
                    let text = is_live
                        .then(|| output(&system32, program, arguments))
                        .flatten();
                    (*name, text)
                })
                .collect(),
            space: is_live
                .then(|| windows_here::space(&installation.volume))
                .flatten(),
            dirty: if is_live {
                windows_here::is_dirty(volume).map_err(|error| error.to_string())
            } else {
                Err("not the Windows that runs".to_owned())
            },
            uptime_seconds: windows_here::uptime_seconds().filter(|_| is_live),
            windows: installation.windows.to_string_lossy().into_owned(),
        }
    }

    /// The name of the machine that runs.
    pub(crate) fn computer(&self) -> Option<&str> {
        let (_, values) = self
            .keys
            .iter()
            .find(|(path, _)| path.ends_with(r"\ComputerName"))?;
        values.iter().flatten().find_map(|(_, value)| match value {
            RegistryValue::Text(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether the volume is marked to be checked, or why that is not known.
    pub(crate) fn dirty(&self) -> &Result<bool, String> {
        &self.dirty
    }

    /// Files in the forms in which people hand facts over.
    pub(super) fn printed(&self) -> Vec<(&'static str, Vec<u8>)> {
        let mut files: Vec<(&'static str, Vec<u8>)> = Vec::new();
        if self.is_live {
            files.push(("registry.reg", self.export().into_bytes()));
        }
        let printed = self.printed.iter();
        files.extend(printed.filter_map(|(name, text)| Some((*name, text.clone()?))));
        files
    }

    /// A registry export.
    fn export(&self) -> String {
        let mut out = "Windows Registry Editor Version 5.00\r\n".to_owned();
        let escaped = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
        for (path, values) in &self.keys {
            let Some(values) = values else { continue };
            let _ = write!(out, "\r\n[HKEY_LOCAL_MACHINE\\{path}]\r\n");
            for (name, value) in values {
                let name = escaped(name);
                let _ = match value {
                    RegistryValue::Text(text) => {
                        write!(out, "\"{name}\"=\"{}\"\r\n", escaped(text))
                    }
                    RegistryValue::Number(number) => {
                        write!(out, "\"{name}\"=dword:{number:08x}\r\n")
                    }
                    RegistryValue::Texts(texts) => {
                        write!(out, "\"{name}\"=hex(7):{}\r\n", multi(texts))
                    }
                    RegistryValue::Other => Ok(()),
                };
            }
        }
        for (path, _) in self.marks.iter().filter(|(_, is_there)| *is_there) {
            let _ = write!(out, "\r\n[HKEY_LOCAL_MACHINE\\{path}]\r\n");
        }
        out
    }

    /// `facts.json`.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let mut registry = Map::new();
        for (path, values) in &self.keys {
            let values = values.as_ref().map(|values| {
                let values = values.iter().filter_map(|(name, value)| {
                    let value = match value {
                        RegistryValue::Text(text) => json!(text),
                        RegistryValue::Number(number) => json!(number),
                        RegistryValue::Texts(texts) => json!(texts),
                        RegistryValue::Other => return None,
                    };
                    Some((name.clone(), value))
                });
                Value::Object(values.collect())
            });
            registry.insert((*path).to_owned(), values.unwrap_or(Value::Null));
        }
        let marks = self.marks.iter().map(|(path, is_there)| {
            let known = if self.is_live {
                json!(is_there)
            } else {
                Value::Null
            };
            ((*path).to_owned(), known)
        });
        let printed = self.printed.iter().map(|(name, text)| {
            let file = text.as_ref().map(|_| format!("facts/{name}"));
            ((*name).to_owned(), json!(file))
        });
        let document = Document {
            version: 1,
            program: format!("cbsift {}", env!("CARGO_PKG_VERSION")),
            windows: self.windows.clone(),
            is_live: self.is_live,
            registry,
            pending_restart: marks.collect(),
            volume: json!({
                "free_bytes": self.space.map(|(free, _)| free),
                "total_bytes": self.space.map(|(_, total)| total),
                "is_dirty": self.dirty.as_ref().ok(),
                "is_dirty_unknown": self.dirty.as_ref().err(),
            }),
            uptime_seconds: self.uptime_seconds,
            architecture: match (self.is_live, windows_here::system32_name()) {
                (false, _) => None,
                (true, "Sysnative") => Some("x64"),
                (true, _) if cfg!(target_pointer_width = "64") => Some("x64"),
                (true, _) => Some("x86"),
            },
            printed: printed.collect(),
        };
        Ok(serde_json::to_string_pretty(&document)? + "\n")
    }
}

/// Texts as an export writes them: UTF-16 in hex, each with a zero behind it, and one more.
fn multi(texts: &[String]) -> String {
    let units = texts
        .iter()
        .flat_map(|text| text.encode_utf16().chain([0]))
        .chain([0]);
    let bytes: Vec<String> = units
        .flat_map(u16::to_le_bytes)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    bytes.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(is_live: bool) -> Facts {
        let policy = vec![
            (
                "WUServer".to_owned(),
                RegistryValue::Text(r#"http://wsus.example:8530\"x"#.to_owned()),
            ),
            ("UseWUServer".to_owned(), RegistryValue::Number(1)),
        ];
        Facts {
            is_live,
            keys: vec![
                (KEYS[0].path, is_live.then_some(policy)),
                (KEYS[1].path, None),
            ],
            marks: vec![(MARKS[0], is_live)],
            printed: vec![("fltmc.txt", None)],
            space: is_live.then_some((1, 2)),
            dirty: Err("access denied".to_owned()),
            uptime_seconds: None,
            windows: r"C:\Windows".to_owned(),
        }
    }

    #[test]
    fn what_is_not_known_is_null_and_what_is_known_is_told_twice_alike() {
        let known: Value = serde_json::from_str(&facts(true).json().unwrap()).unwrap();
        assert_eq!(known["registry"][KEYS[0].path]["UseWUServer"], 1);
        assert!(known["registry"][KEYS[1].path].is_null());
        assert_eq!(known["pending_restart"][MARKS[0]], true);
        assert!(known["volume"]["is_dirty"].is_null());
        let unknown: Value = serde_json::from_str(&facts(false).json().unwrap()).unwrap();
        assert!(unknown["registry"][KEYS[0].path].is_null());
        assert!(unknown["pending_restart"][MARKS[0]].is_null());

        let printed = facts(true).printed();
        let [(name, export)] = printed.as_slice() else {
            panic!("{printed:?}")
        };
        assert_eq!(
            parse::detect(name, export).facts,
            Some(parse::facts::FactsForm::Registry)
        );
        let mut reader = parse::facts::FactsReader::new(
            parse::facts::FactsForm::Registry,
            event::TextEncoding::Utf8,
            &[],
        );
        reader.push(export);
        let told = format!("{:?}", reader.finish().facts);
        assert!(told.contains("http://wsus.example:8530"), "{told}");
        assert!(facts(false).printed().is_empty());
    }

    #[test]
    fn texts_of_one_value_are_written_as_an_export_does() {
        assert_eq!(multi(&["ab".to_owned()]), "61,00,62,00,00,00,00,00");
    }
}
