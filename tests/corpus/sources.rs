//! The sources of names and numbers, read by other means than `gen/` reads them, so that a fault of one shows in the other.

use crate::single::repository;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A code of a source: its name, number and space.
pub(crate) type Pair = (String, u32, &'static str);

/// What `gen/` fetched, and `make headers` fetches: Debian's package, whose version and digest are pinned there.
fn headers() -> PathBuf {
    let sources = std::env::var_os("CODE_SOURCES")
        .map_or_else(|| repository().join("target/code-sources"), PathBuf::from);
    let folder = std::fs::read_dir(&sources)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|entry| entry.path().join("usr/share/mingw-w64/include"))
        .find(|folder| folder.is_dir());
    folder.unwrap_or_else(|| {
        panic!(
            "no headers of mingw-w64-common under `{}`\nhint: run `make headers`, or name their folder with CODE_SOURCES",
            sources.display()
        )
    })
}

/// `#define`s of a header that come down to a number, aliases and sums followed.
pub(crate) struct Defines(BTreeMap<String, String>);

impl Defines {
    pub(crate) fn read(path: &Path) -> Self {
        let header = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let mut bodies = BTreeMap::new();
        for line in header.lines() {
            let Some(rest) = line
                .trim_start()
                .strip_prefix('#')
                .and_then(|rest| rest.trim_start().strip_prefix("define"))
            else {
                continue;
            };
            let rest = rest.trim();
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            let (name, body) = rest.split_at(end);
            // A macro with arguments is no code.
            if !body.starts_with('(') {
                let body = body.split("//").next().unwrap_or_default();
                let body = body.split("/*").next().unwrap_or_default();
                bodies
                    .entry(name.to_owned())
                    .or_insert_with(|| body.trim().to_owned());
            }
        }
        Self(bodies)
    }

    /// The codes whose names begin so (none = all); `space` where all of the header are in one.
    pub(crate) fn pairs(&self, starts: &[&str], space: Option<&'static str>) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (name, body) in &self.0 {
            let is_wanted = starts.is_empty() || starts.iter().any(|start| name.starts_with(start));
            if is_no_code(name) || !is_wanted {
                continue;
            }
            if let Some((number, is_hresult)) = self.number(body, 0) {
                let own = if is_hresult {
                    "hresult"
                } else {
                    space_of(name, number)
                };
                pairs.push((name.clone(), number, space.unwrap_or(own)));
            }
        }
        pairs
    }

    /// The number, and whether the header says that it is an HRESULT.
    fn number(&self, body: &str, depth: usize) -> Option<(u32, bool)> {
        if depth > 6 {
            return None;
        }
        let body = body.trim();
        if let Some((base, more)) = body
            .strip_prefix('(')
            .and_then(|body| body.strip_suffix(')'))
            .and_then(|body| body.split_once('+'))
        {
            let (base, is_hresult) = self.number(base, depth + 1)?;
            let (more, _) = self.number(more, depth + 1)?;
            return Some((base.wrapping_add(more), is_hresult));
        }
        let mut is_hresult = false;
        let mut words = body
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
            .filter(|word| !word.is_empty());
        let mut number = None;
        for word in &mut words {
            match word {
                "_HRESULT_TYPEDEF_" | "HRESULT" => is_hresult = true,
                "_NDIS_ERROR_TYPEDEF_"
                | "__MSABI_LONG"
                | "_WIN32_TYPEDEF_"
                | "NTSTATUS"
                | "DWORD"
                | "LONG"
                | "ULONG"
                | "int" => {}
                word if number.is_none() => {
                    number = Some(match literal(word) {
                        Some(value) => value,
                        None => {
                            let (value, inner) =
                                self.number(self.0.get(word)?.as_str(), depth + 1)?;
                            is_hresult |= inner;
                            value
                        }
                    });
                }
                _ => return None,
            }
        }
        Some((number?, is_hresult))
    }
}

pub(crate) fn literal(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = digits
        .strip_prefix("0x")
        .or_else(|| digits.strip_prefix("0X"))
    {
        return u32::from_str_radix(hex, 16).ok();
    }
    digits
        .parse::<i64>()
        .ok()
        .and_then(|value| u32::try_from(value & 0xFFFF_FFFF).ok())
}

/// Names in winerror.h that are numbers and no codes: facilities, severities, masks, bounds for counting.
fn is_no_code(name: &str) -> bool {
    [
        "FACILITY_",
        "SEVERITY_",
        "STATUS_SEVERITY_",
        "ERROR_SEVERITY_",
        "_",
    ]
    .iter()
    .any(|start| name.starts_with(start))
        || matches!(name, "APPLICATION_ERROR_MASK" | "NOERROR" | "WSABASEERR")
}

/// The codes that a header of mingw defines.
pub(crate) fn header(name: &str, starts: &[&str], space: Option<&'static str>) -> Vec<Pair> {
    Defines::read(&headers().join(name)).pairs(starts, space)
}

/// Headers and the crate call some HRESULTs of drivers Win32 errors; their top bits tell.
fn space_of(name: &str, number: u32) -> &'static str {
    // Success HRESULTs are told by their names.
    let is_success = name.contains("_S_") && number >= 0x1_0000;
    if is_success || matches!(number >> 28, 0x4 | 0x8 | 0xC) {
        "hresult"
    } else {
        "win32"
    }
}

/// The sources of the windows-sys crate, where cargo keeps them.
fn windows_sys_folder() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        // Else it fetches what only other systems need.
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(repository())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cannot ask cargo where windows-sys is\nhint: run `cargo fetch`"
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        // The version that SOURCES.md names; Cargo.toml pins it for this test.
        .find(|package| package["name"] == "windows-sys" && package["version"] == "0.61.2")
        .expect("Cargo.toml names it");
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.with_file_name("src").join("Windows")
}

/// The constants of windows-sys that are typed as codes, by type.
pub(crate) fn windows_sys() -> BTreeMap<&'static str, Vec<Pair>> {
    let mut by_kind: BTreeMap<&'static str, Vec<Pair>> = BTreeMap::new();
    for path in crate::files(&windows_sys_folder()) {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let Some((name, rest)) = line
                .strip_prefix("pub const ")
                .and_then(|rest| rest.split_once(": "))
            else {
                continue;
            };
            let Some((kind, value)) = rest.split_once(" = ") else {
                continue;
            };
            let kind = match kind.rsplit("::").next() {
                Some("HRESULT") => "HRESULT",
                Some("NTSTATUS") => "NTSTATUS",
                Some("WIN32_ERROR") => "WIN32_ERROR",
                Some("WSA_ERROR") => "WSA_ERROR",
                // Some are left as integers, those of remote access and of setup for two.
                Some("u32") if name.starts_with("ERROR_") || name.starts_with("WSA_") => "u32",
                _ => continue,
            };
            if is_no_code(name) {
                continue;
            }
            let value = value.trim_end_matches(';').trim_end_matches(" as _");
            let digits = ["_u32", "_i32", "u32", "i32"]
                .iter()
                .find_map(|end| value.strip_suffix(end))
                .unwrap_or(value);
            let number = literal(digits).unwrap_or_else(|| panic!("no number in `{line}`"));
            let space = match kind {
                "HRESULT" => "hresult",
                "NTSTATUS" => "ntstatus",
                _ => space_of(name, number),
            };
            by_kind
                .entry(kind)
                .or_default()
                .push((name.to_owned(), number, space));
        }
    }
    by_kind
}

/// The rows of a table in `names/`, its head first; lines that begin with `#` are comments.
pub(crate) fn names(table: &str) -> Vec<Vec<String>> {
    let path = repository()
        .join("crates/windows-error-codes/names")
        .join(table);
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}
