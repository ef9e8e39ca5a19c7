//! The summary block of a component store check (CheckSUR, `DISM /RestoreHealth`).
//!
//! Up to Windows 8.1 the block is one record with plain lines; later each row has a head of its own, and only the summary of the older form is read here.

/// What a store check says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSur<'a> {
    /// `Detect and Repair`, `Detect only`.
    pub operation: &'a str,
    /// `Operation result:`
    pub result: u32,
    /// `Total Detected Corruption:`
    pub detected: u32,
    /// `Total Repaired Corruption:`
    pub repaired: u32,
    /// Items listed as corrupt and not marked `(Fixed)`: mark such as `(p)`, kind, name.
    pub unrepaired: Vec<CorruptItem<'a>>,
}

/// One corrupt item of a store check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptItem<'a> {
    /// `CSI Payload Corrupt`
    pub kind: &'a str,
    /// Component and file.
    pub name: &'a str,
}

/// Reads the summary in a record's text.
pub fn check_sur(text: &str) -> Option<CheckSur<'_>> {
    let value = |name: &str| -> Option<&str> {
        text.lines()
            .find_map(|line| line.trim_start().strip_prefix(name))
            .map(str::trim)
    };
    let number = |name: &str| {
        value(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    };
    let operation = value("Operation:")?;
    let result = value("Operation result:")?;
    let result = u32::from_str_radix(result.trim_start_matches("0x"), 16).ok()?;
    Some(CheckSur {
        operation,
        result,
        detected: number("Total Detected Corruption:"),
        repaired: number("Total Repaired Corruption:"),
        unrepaired: text.lines().filter_map(corrupt_item).collect(),
    })
}

/// `(p)<tab>CSI Payload Corrupt<tabs>amd64_…\file`; fixed ones carry `(Fixed)`.
fn corrupt_item(line: &str) -> Option<CorruptItem<'_>> {
    let line = line.trim();
    if !line.starts_with('(') || line.contains("(Fixed)") {
        return None;
    }
    let (_, rest) = line.split_once(')')?;
    let (kind, name) = rest.split_at_checked(rest.find(" Corrupt")? + " Corrupt".len())?;
    // Between kind and name stand marks such as `(n)` not repaired, `(b)` from backup, `(w)` from Windows Update.
    let mut name = name.trim();
    while let Some((mark, after)) = name.split_once(char::is_whitespace)
        && mark.starts_with('(')
    {
        name = after.trim_start();
    }
    (!name.is_empty()).then_some(CorruptItem {
        kind: kind.trim(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made up after the grammar of the block.
    #[test]
    fn a_summary_and_its_items_are_read() {
        let text = "\n=====\nChecking System Update Readiness.\n(p)\tCSI Payload Corrupt\t\t\tamd64_a_1\\x.dll\nRepair failed: Missing replacement payload.\n\
            (p)\tCSI Payload Corrupt\t(w)\t(Fixed)\tamd64_b_2\\y.dll\n(p)\tCSI Payload Corrupt\t(n)\t\tnewdev_c\\z.dll\nSummary:\nOperation: Detect and Repair \nOperation result: 0x800f081f\n\
            Last Successful Step: Entire operation completes.\nTotal Detected Corruption:\t3\n\tCBS Manifest Corruption:\t0\nTotal Repaired Corruption:\t1\n";
        let summary = check_sur(text).unwrap();
        assert_eq!(
            (summary.operation, summary.result),
            ("Detect and Repair", 0x800F_081F)
        );
        assert_eq!((summary.detected, summary.repaired), (3, 1));
        let names: Vec<_> = summary.unrepaired.iter().map(|item| item.name).collect();
        assert_eq!(names, ["amd64_a_1\\x.dll", "newdev_c\\z.dll"]);
    }

    #[test]
    fn other_text_is_no_summary() {
        assert_eq!(check_sur("Summary: all well"), None);
    }
}
