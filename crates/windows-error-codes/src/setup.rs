//! The second half of what Windows Setup reports: in which phase and operation it failed.

use core::fmt;

#[rustfmt::skip]
#[path = "generated/setup_extend.rs"]
mod generated;

/// Label, English, Chinese.
type Row = (&'static str, &'static str, &'static str);

/// The extend code of `0xC1900101 - 0x20017`: phase in the upper half, operation in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extend(u32);

impl Extend {
    /// An extend code; nothing when its phase does not exist.
    pub fn new(value: u32) -> Option<Self> {
        ((value >> 16) < generated::PHASES.len() as u32).then_some(Self(value))
    }

    /// The number.
    pub fn value(self) -> u32 {
        self.0
    }

    /// `SAFE_OS`, `FIRST_BOOT` and so on.
    pub fn phase(self) -> &'static str {
        self.phase_row().map_or("", |&(label, ..)| label)
    }

    /// When it failed, in words that follow "it failed": English and Chinese.
    pub fn phase_text(self) -> (&'static str, &'static str) {
        self.phase_row().map_or(("", ""), |&(_, en, zh)| (en, zh))
    }

    /// `BOOT`, `MIGRATE_DATA` and so on, where it is known.
    pub fn operation(self) -> Option<&'static str> {
        self.operation_row().map(|&(label, ..)| label)
    }

    /// What it was doing: English and Chinese.
    pub fn operation_text(self) -> Option<(&'static str, &'static str)> {
        self.operation_row().map(|&(_, en, zh)| (en, zh))
    }

    fn phase_row(self) -> Option<&'static Row> {
        generated::PHASES.get((self.0 >> 16) as usize)
    }

    fn operation_row(self) -> Option<&'static Row> {
        generated::OPERATIONS.get((self.0 & 0xFFFF) as usize)
    }
}

impl fmt::Display for Extend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_and_operation_are_named() {
        let check = |value, phase, operation| {
            let extend = Extend::new(value).unwrap();
            assert_eq!(
                (extend.phase(), extend.operation()),
                (phase, operation),
                "{extend}"
            );
        };
        check(0x20017, "SAFE_OS", Some("BOOT"));
        check(0x2000C, "SAFE_OS", Some("APPLY_IMAGE"));
        check(0x4000D, "OOBE_BOOT", Some("MIGRATE_DATA"));
        check(0x4001E, "OOBE_BOOT", Some("PRE_OOBE"));
        check(0x00000, "UNKNOWN", Some("UNKNOWN"));
        check(0x500FF, "UNINSTALL", None);
        assert_eq!(Extend::new(0x8007_0005), None);
        let extend = Extend::new(0x20017).unwrap();
        assert!(extend.phase_text().0.contains("SafeOS"));
        assert_eq!(extend.operation_text(), Some(("booting", "启动")));
        assert_eq!(Extend::new(0x500FF).unwrap().operation_text(), None);
    }
}
