//! File-system filters, as `fltmc` lists them.

/// Filters of Windows, of Microsoft's servers and of its tools, without `.sys`: what Microsoft's list of allocated altitudes gives as its own and
/// what Windows has come with since.
const OF_MICROSOFT: [&str; 60] = [
    "applockerfltr",
    "appvmon",
    "appvstrm",
    "appvvemgr",
    "appvvfs",
    "appxstrm",
    "backupreader",
    "bfs",
    "bindflt",
    "cbafilt",
    "ccffilter",
    "cldflt",
    "cmpflt",
    "csvflt",
    "csvnsflt",
    "datascrn",
    "dedup",
    "dfmflt",
    "dfs",
    "dfsrflt",
    "dfsrro",
    "dpmfilter",
    "fbwf",
    "filecrypt",
    "fileinfo",
    "filetrace",
    "fsdepends",
    "fsredir",
    "gameflt",
    "hsmflt",
    "ioqos",
    "iorate",
    "luafv",
    "microsoft.uev.agentdriver",
    "mpfilter",
    "msixpackagingtoolmonitor",
    "msnfsflt",
    "mssecflt",
    "mssecwfp",
    "npsvctrig",
    "odphflt",
    "prjflt",
    "quota",
    "resumekeyfilter",
    "sftredir",
    "sis",
    "storagesync",
    "storagesyncguard",
    "storqosflt",
    "svhdxflt",
    "sysmondrv",
    "ucpd",
    "uevagentdriver",
    "unionfs",
    "wcifs",
    "wcnfs",
    "wdfilter",
    "wimmount",
    "wof",
    "wofadk",
];

/// The same with numbers in their names: Process Monitor's, SQL Server's, of write filters, of images.
const FAMILIES: [&str; 4] = ["procmon", "rsfx", "uwf", "wimf"];

/// Whether a filter is known as Microsoft's.
pub fn is_of_microsoft(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let name = name.strip_suffix(".sys").unwrap_or(&name);
    OF_MICROSOFT.contains(&name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

/// The name and the altitude in a row of `fltmc`: `Name  Instances  Altitude  Frame`. Old filters have no instances, and perhaps no altitude.
pub(super) fn row(line: &str) -> Option<(&str, &str)> {
    let (line, frame) = line.trim().rsplit_once(char::is_whitespace)?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // In the language of the system: `<Legacy>`.
    let is_old = frame.starts_with('<') && frame.ends_with('>');
    if !is_old && !is_number(frame) {
        return None;
    }
    let line = line.trim_end();
    let is_altitude = |text: &str| text.split('.').all(is_number);
    let Some((rest, altitude)) = line.rsplit_once(char::is_whitespace) else {
        return is_old.then_some((line, ""));
    };
    if !is_altitude(altitude) {
        return is_old.then_some((line, ""));
    }
    let rest = rest.trim_end();
    let name = match rest.rsplit_once(char::is_whitespace) {
        Some((name, instances)) if is_number(instances) => name.trim_end(),
        _ => rest,
    };
    Some((name, altitude)).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up filters beside those of Windows.
    #[test]
    fn rows_are_read_whatever_is_missing() {
        for (line, expected) in [
            (
                "bindflt                                 1       409800         0",
                Some(("bindflt", "409800")),
            ),
            (
                "UCPD                                    4       385250.5       0",
                Some(("UCPD", "385250.5")),
            ),
            (
                "MadeUpOld                                        389998.99   <Legacy>",
                Some(("MadeUpOld", "389998.99")),
            ),
            (
                "madeup2017                                             <旧版>",
                Some(("madeup2017", "")),
            ),
            (
                "------------------------------  -------------  ------------  -----",
                None,
            ),
            (
                "Filter Name                     Num Instances    Altitude    Frame",
                None,
            ),
            ("0", None),
            ("", None),
            ("a 1 2 x", None),
        ] {
            assert_eq!(row(line), expected, "{line}");
        }
    }

    #[test]
    fn filters_of_windows_are_known_in_any_spelling() {
        for name in ["WdFilter", "luafv", "PROCMON24", "RsFx0700", "wcifs.sys"] {
            assert!(is_of_microsoft(name), "{name}");
        }
        assert!(!is_of_microsoft("MadeUpGuard"));
        assert!(OF_MICROSOFT.is_sorted());
    }
}
