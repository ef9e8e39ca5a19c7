//! A number together with the space it is a code in.

use crate::{Equivalents, Names, ntstatus_to_win32, table};
use core::fmt;

#[rustfmt::skip]
#[path = "generated/facilities.rs"]
mod facilities;

/// Which table a number is read in. One number can be a code in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Space {
    /// COM result, `0x8…` for failures; Windows Update, servicing and setup use it.
    Hresult,
    /// Kernel status, `0xC…` for errors and `0x8…` for warnings.
    Ntstatus,
    /// What `GetLastError` gives.
    Win32,
    /// The database engine of Windows Update and the catalog service; negative numbers.
    Esent,
}

impl Space {
    /// Every space, in the order of the tables.
    pub const ALL: [Self; 4] = [Self::Hresult, Self::Ntstatus, Self::Win32, Self::Esent];

    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hresult => "hresult",
            Self::Ntstatus => "ntstatus",
            Self::Win32 => "win32",
            Self::Esent => "esent",
        }
    }
}

/// How bad a code says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It worked.
    Success,
    /// It worked, with something to say (NTSTATUS only).
    Informational,
    /// Something is not as expected (NTSTATUS and ESENT).
    Warning,
    /// It failed.
    Error,
}

impl Severity {
    /// Its name in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Informational => "informational",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The part of Windows that gave a code its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facility {
    /// The facility bits.
    pub number: u16,
    /// `FACILITY_SETUPAPI` and the like, where it is known.
    pub name: Option<&'static str>,
}

/// A number in a space. Ordered by number, so that the codes of a log stand in one order whatever their spaces are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code {
    value: u32,
    space: Space,
}

/// FACILITY_NT_BIT: set in an HRESULT that carries an NTSTATUS.
const NT_BIT: u32 = 0x1000_0000;
/// The two HRESULT forms of an ESENT error, its absolute number in the low half: the older and the newer.
const ESENT_FORMS: [u32; 2] = [0xC800_0000, 0x8E5E_0000];
/// Upper halves of an HRESULT that wraps a Win32 number, and of one that wraps a number of the setup API.
const WIN32_FORM: u32 = 0x8007_0000;
const SETUP_FORM: u32 = 0x800F_0000;
/// Upper halves of HRESULTs that use the top bits of an NTSTATUS: setup, DISM, imaging and the database engine, 0xC1900101 and its like.
const LIKE_NTSTATUS: [u32; 6] = [0xC190, 0xC142, 0xC180, 0xC800, 0xC004, 0xC151];
/// What the update agent says instead of `ERROR_SUCCESS_REBOOT_REQUIRED`.
const WU_S_REBOOT_REQUIRED: Code = Code::hresult(0x0024_0005);
/// Look like failures and say that it worked: a reboot is wanted or begun, the stack starts again, a scan found no obstacle.
const SUCCESS_IN_DISGUISE: [Code; 5] = [
    Code::win32(1641),
    Code::win32(3010),
    Code::win32(3011),
    Code::hresult(0x800F_0833),
    Code::hresult(0xC190_0210),
];

impl Code {
    /// A number in a space.
    pub const fn of(space: Space, value: u32) -> Self {
        Self { value, space }
    }

    /// 32 bits as a log shows them, in the space that their top bits speak for: an HRESULT, an NTSTATUS (without
    /// `FACILITY_NT_BIT`), or for `0xE…` a number of the setup API. A small number is taken for an HRESULT, not for a Win32 one.
    pub fn new(value: u32) -> Self {
        match value >> 28 {
            0xC if LIKE_NTSTATUS.contains(&(value >> 16)) => Self::hresult(value),
            0xC => Self::ntstatus(value),
            0xD => Self::new(value & !NT_BIT),
            0xE => Self::win32(value),
            _ if value >> 30 == 3 => Self::ntstatus(value),
            _ => Self::hresult(value),
        }
    }

    /// The code as a log shows it, which is what [`Code::new`] reads: a Win32 number is wrapped. Nothing for a number of the
    /// database engine, which has two wrappers.
    pub fn as_logged(self) -> Option<Self> {
        match self.space {
            Space::Hresult | Space::Ntstatus => Some(Self::new(self.value)),
            Space::Win32 if self.value <= 0xFFFF => Self::hresult_from_win32(self.value),
            Space::Win32 if self.value >> 28 == 0xE => Some(self),
            Space::Win32 | Space::Esent => None,
        }
    }

    /// An HRESULT.
    pub const fn hresult(value: u32) -> Self {
        Self::of(Space::Hresult, value)
    }

    /// An NTSTATUS.
    pub const fn ntstatus(value: u32) -> Self {
        Self::of(Space::Ntstatus, value)
    }

    /// A Win32 number.
    pub const fn win32(number: u32) -> Self {
        Self::of(Space::Win32, number)
    }

    /// An ESENT error (negative) or warning.
    pub const fn esent(number: i32) -> Self {
        Self::of(Space::Esent, number.cast_unsigned())
    }

    /// The space.
    pub const fn space(self) -> Space {
        self.space
    }

    /// The 32 bits.
    pub const fn value(self) -> u32 {
        self.value
    }

    /// Its own names: the newest or most usual first, then aliases.
    pub fn names(self) -> Names {
        table::names(self.space, self.value)
    }

    /// The name people use: its own, or that of the code it wraps (`0x80070570` is `ERROR_FILE_CORRUPT`).
    pub fn name(self) -> Option<&'static str> {
        let inner = self.unwrapped().and_then(Self::name);
        // Scanners and peer networking have names of their own for wrapped Win32 numbers; nobody else uses those.
        let shadowed = inner.is_some() && self.value >> 16 == 0x8007;
        let own =
            |name: &&str| !shadowed || name.starts_with("E_") || name.starts_with("WININET_E_");
        self.names().find(own).or(inner)
    }

    /// The code inside a wrapper: `0x8007…` and `0xC007…` hold a Win32 number, `0xD…` an NTSTATUS, `0xC800…` and
    /// `0x8E5E…` an ESENT error, `0x800F…` a number of the setup API where it has one.
    pub fn unwrapped(self) -> Option<Self> {
        let (high, low) = (self.value & 0xFFFF_0000, self.value & 0xFFFF);
        match self.space {
            Space::Hresult if high == WIN32_FORM => Some(Self::win32(low)),
            Space::Hresult if self.value >> 28 == 0xD => Some(Self::ntstatus(self.value & !NT_BIT)),
            Space::Hresult if ESENT_FORMS.contains(&high) && low != 0 => {
                Some(Self::of(Space::Esent, low.wrapping_neg()))
            }
            Space::Hresult if high == SETUP_FORM => {
                Some(Self::win32(0xE000_0000 | low)).filter(|code| code.names().len() > 0)
            }
            Space::Ntstatus if high == 0xC007_0000 => Some(Self::win32(low)),
            _ => None,
        }
    }

    /// One code for all that mean the same, so that they count as one: wrappers are taken off, an NTSTATUS becomes its
    /// Win32 number, and that its HRESULT. It never goes back from Win32 to NTSTATUS, which would be ambiguous.
    ///
    /// What has no Win32 number stays as it is (an NTSTATUS without `FACILITY_NT_BIT`, an ESENT error unwrapped).
    pub fn canonical(self) -> Self {
        // The HRESULT of a Win32 number is where the way ends.
        if self.space == Space::Hresult
            && matches!(self.value & 0xFFFF_0000, WIN32_FORM | SETUP_FORM)
        {
            return self;
        }
        let win32 = match (self.space, self.unwrapped()) {
            (_, Some(inner)) => return inner.canonical(),
            (Space::Win32, None) => Some(self.value),
            (Space::Ntstatus, None) => ntstatus_to_win32(self.value),
            (Space::Hresult | Space::Esent, None) => None,
        };
        win32.and_then(Self::hresult_from_win32).unwrap_or(self)
    }

    /// The Win32 number that it is, wraps or becomes: of `0x80070570`, `0xC0070570` and `0xC0000102` it is 1392.
    pub fn to_win32(self) -> Option<u32> {
        match self.space {
            Space::Win32 => Some(self.value),
            Space::Ntstatus => ntstatus_to_win32(self.value),
            Space::Hresult if self.value & 0xFFFF_0000 == WIN32_FORM => Some(self.value & 0xFFFF),
            Space::Hresult if self.value >> 28 == 0xD => ntstatus_to_win32(self.value),
            Space::Hresult | Space::Esent => None,
        }
    }

    /// `HRESULT_FROM_WIN32`, and `HRESULT_FROM_SETUPAPI` for its numbers `0xE000…`.
    pub fn hresult_from_win32(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::hresult(0)),
            1..=0xFFFF => Some(Self::hresult(WIN32_FORM | number)),
            0xE000_0000..=0xE000_FFFF => Some(Self::hresult(SETUP_FORM | (number & 0xFFFF))),
            _ => None,
        }
    }

    /// `HRESULT_FROM_NT`: the same number with FACILITY_NT_BIT.
    pub const fn hresult_from_ntstatus(status: u32) -> Self {
        Self::hresult(status | NT_BIT)
    }

    /// The HRESULT forms of an ESENT error, the older first.
    pub(crate) fn hresults_from_esent(number: u32) -> impl Iterator<Item = Self> {
        let absolute = number.wrapping_neg();
        ESENT_FORMS
            .into_iter()
            .filter(move |_| (1..0x1_0000).contains(&absolute))
            .map(move |form| Self::hresult(form | absolute))
    }

    /// Other spellings of the same failure, without itself; from an HRESULT or a Win32 number also every NTSTATUS that
    /// becomes it.
    pub fn equivalents(self) -> Equivalents {
        Equivalents::of(self)
    }

    /// What it says in one sentence: English and Chinese. See [`crate::meaning`].
    pub fn meaning(self) -> Option<(&'static str, &'static str)> {
        table::meaning(self)
    }

    /// How bad its bits say it is.
    pub fn severity(self) -> Severity {
        match self.space {
            Space::Hresult if self.value >> 31 == 1 => Severity::Error,
            Space::Hresult => Severity::Success,
            Space::Ntstatus => match self.value >> 30 {
                0 => Severity::Success,
                1 => Severity::Informational,
                2 => Severity::Warning,
                _ => Severity::Error,
            },
            Space::Win32 if self.value == 0 => Severity::Success,
            Space::Win32 => Severity::Error,
            Space::Esent if self.value >> 31 == 1 => Severity::Error,
            Space::Esent if self.value == 0 => Severity::Success,
            Space::Esent => Severity::Warning,
        }
    }

    /// Whether it says that something failed. Not so for a few that only look like it, `0x80070bc2` (restart needed) for one.
    ///
    /// A wrapped 0 is a failure: who wraps it has failed and found no reason, and `FAILED` is true of it.
    pub fn is_failure(self) -> bool {
        if self.severity() < Severity::Warning || SUCCESS_IN_DISGUISE.contains(&self) {
            return false;
        }
        // Every number of the setup API is a failure, and looking its name up would be in vain.
        if self.space == Space::Hresult && self.value & 0xFFFF_0000 == SETUP_FORM {
            return true;
        }
        self.unwrapped()
            .is_none_or(|inner| inner.value == 0 || inner.is_failure())
    }

    /// Whether it says that it worked and that a restart is wanted or has begun, wrapped or not.
    pub fn wants_restart(self) -> bool {
        self == WU_S_REBOOT_REQUIRED || matches!(self.to_win32(), Some(1641 | 3010 | 3011))
    }

    /// The facility; Win32 numbers and ESENT errors have none.
    pub fn facility(self) -> Option<Facility> {
        let (number, names): (u32, &[(u16, &'static str)]) = match self.space {
            Space::Hresult => ((self.value >> 16) & 0x1FFF, &facilities::HRESULT),
            Space::Ntstatus => ((self.value >> 16) & 0xFFF, &facilities::NTSTATUS),
            Space::Win32 | Space::Esent => return None,
        };
        let number = u16::try_from(number).ok()?;
        let found = names
            .binary_search_by_key(&number, |&(known, _)| known)
            .ok();
        Some(Facility {
            number,
            name: found
                .and_then(|index| names.get(index))
                .map(|entry| entry.1),
        })
    }

    /// Whether the customer bit is set: the number was chosen outside Microsoft.
    pub fn is_customer(self) -> bool {
        matches!(self.space, Space::Hresult | Space::Ntstatus) && self.value & 0x2000_0000 != 0
    }
}

/// As people write it in its space: eight hex digits, or a decimal for Win32 and ESENT.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.space {
            Space::Win32 if self.value <= 0xFFFF => write!(f, "{}", self.value),
            Space::Esent => write!(f, "{}", self.value.cast_signed()),
            _ => write!(f, "{:#010x}", self.value),
        }
    }
}

/// 32 bits as a log shows them: what is read back says the same, though a Win32 number comes back wrapped.
#[cfg(feature = "serde")]
impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let esent = || Self::hresults_from_esent(self.value).next();
        let logged = self.as_logged().or_else(esent).unwrap_or(*self);
        serializer.serialize_u32(logged.value)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::new)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self}", self.space.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn one_failure_counts_once_however_it_is_wrapped() {
        let corrupt = Code::hresult(0x8007_0570);
        for code in [
            corrupt,
            Code::win32(1392),
            Code::ntstatus(0xC000_0102),
            Code::hresult(0xD000_0102),
            Code::ntstatus(0xC007_0570),
            Code::hresult(0xD007_0570),
        ] {
            assert_eq!(code.canonical(), corrupt, "{code:?}");
            assert!(
                code.name()
                    .is_some_and(|name| name.contains("FILE_CORRUPT")),
                "{code:?}"
            );
        }
        assert_eq!(Code::hresult(0xC800_03FA).canonical(), Code::esent(-1018));
        assert_eq!(
            Code::hresult(0x800F_0922).canonical(),
            Code::hresult(0x800F_0922)
        );
        assert_eq!(
            Code::hresult(0x800F_0207).canonical(),
            Code::hresult(0x800F_0207)
        );
        assert_eq!(
            Code::win32(0xE000_0207).canonical(),
            Code::hresult(0x800F_0207)
        );
        // No Win32 number: only the wrapper goes.
        assert_eq!(
            Code::hresult(0xD000_01B0).canonical(),
            Code::ntstatus(0xC000_01B0)
        );
    }

    #[test]
    fn the_name_shown_is_the_one_people_use() {
        let check = |code: Code, name| assert_eq!(code.name(), name, "{code:?}");
        check(Code::hresult(0x8007_0002), Some("ERROR_FILE_NOT_FOUND"));
        check(Code::hresult(0x8007_0490), Some("ERROR_NOT_FOUND"));
        check(Code::hresult(0x8007_0005), Some("E_ACCESSDENIED"));
        check(Code::hresult(0x8007_2EE2), Some("WININET_E_TIMEOUT"));
        check(
            Code::hresult(0x800F_0207),
            Some("SPAPI_E_DEVINST_ALREADY_EXISTS"),
        );
        check(Code::hresult(0x800F_0922), Some("CBS_E_INSTALLERS_FAILED"));
        check(Code::hresult(0xD007_000D), Some("ERROR_INVALID_DATA"));
        check(Code::hresult(0x8E5E_03FA), Some("JET_errReadVerifyFailure"));
        check(Code::hresult(0x8007_FFFF), None);
    }

    #[test]
    fn severity_and_success_in_disguise() {
        let check = |code: Code, severity, failure| {
            assert_eq!(
                (code.severity(), code.is_failure()),
                (severity, failure),
                "{code:?}"
            );
        };
        check(Code::hresult(0x800F_0922), Severity::Error, true);
        check(Code::hresult(0), Severity::Success, false);
        check(Code::hresult(0x0024_0005), Severity::Success, false);
        check(Code::hresult(0x8007_0BC2), Severity::Error, false);
        check(Code::hresult(0x8007_0BC9), Severity::Error, true);
        check(Code::hresult(0x800F_0833), Severity::Error, false);
        check(Code::hresult(0xC190_0210), Severity::Error, false);
        check(Code::hresult(0x8007_0000), Severity::Error, true);
        check(Code::ntstatus(0xC007_0BC2), Severity::Error, false);
        check(Code::ntstatus(0x8000_0005), Severity::Warning, true);
        check(Code::ntstatus(0x4001_0006), Severity::Informational, false);
        check(Code::win32(0), Severity::Success, false);
        check(Code::esent(-1018), Severity::Error, true);
    }

    #[test]
    fn what_looks_like_a_failure_and_is_none_is_a_short_list() {
        // Every wrapper of a Win32 number, and every number that setup and servicing own.
        let forms = [0x8007, 0xC007, 0xD007, 0x800F, 0x8024, 0xC190, 0xE000];
        let harmless: Vec<u32> = forms
            .into_iter()
            .flat_map(|high| (0..=0xFFFF).map(move |low| high << 16 | low))
            .filter(|value| !Code::new(*value).is_failure())
            .collect();
        assert_eq!(
            harmless,
            [
                0x8007_0669,
                0x8007_0BC2,
                0x8007_0BC3,
                0xC007_0669,
                0xC007_0BC2,
                0xC007_0BC3,
                0xD007_0669,
                0xD007_0BC2,
                0xD007_0BC3,
                0x800F_0833,
                0xC190_0210,
            ]
        );
        let wanted = |value: &&u32| Code::new(**value).wants_restart();
        assert_eq!(harmless.iter().filter(wanted).count(), 9);
        assert!(Code::new(0x0024_0005).wants_restart() && Code::win32(3010).wants_restart());
        assert!(!Code::new(0x8007_0BC9).wants_restart() && !Code::new(0).wants_restart());
    }

    #[test]
    fn bits_of_a_log_are_a_code_of_the_space_that_they_speak_for() {
        for (value, code) in [
            (0x8007_0002, Code::hresult(0x8007_0002)),
            (0xC000_0102, Code::ntstatus(0xC000_0102)),
            (0xD000_0102, Code::ntstatus(0xC000_0102)),
            (0xC190_0101, Code::hresult(0xC190_0101)),
            (0xC800_03FA, Code::hresult(0xC800_03FA)),
            (0xE000_0207, Code::win32(0xE000_0207)),
            (0xF000_0001, Code::ntstatus(0xF000_0001)),
            (2, Code::hresult(2)),
        ] {
            assert_eq!(Code::new(value), code);
            assert_eq!(code.as_logged(), Some(code));
        }
        assert_eq!(Code::win32(2).as_logged(), Some(Code::new(0x8007_0002)));
        assert_eq!(Code::win32(0).as_logged(), Some(Code::new(0)));
        assert_eq!(Code::win32(0x0001_0000).as_logged(), None);
        assert_eq!(Code::esent(-1018).as_logged(), None);
        assert!(Code::new(0xC000_0102) < Code::new(0xC190_0101));
        assert!(Code::new(0xC190_0101) < Code::new(0xE000_0207));
    }

    #[test]
    fn a_win32_number_is_found_in_every_wrapper() {
        for code in [
            Code::win32(1392),
            Code::hresult(0x8007_0570),
            Code::ntstatus(0xC007_0570),
            Code::ntstatus(0xC000_0102),
            Code::hresult(0xD000_0102),
        ] {
            assert_eq!(code.to_win32(), Some(1392), "{code:?}");
        }
        assert_eq!(Code::hresult(0x800F_0922).to_win32(), None);
        assert_eq!(Code::esent(-1018).to_win32(), None);
    }

    #[test]
    fn facility_and_customer_bit() {
        let check = |code: Code, number, name| {
            assert_eq!(code.facility(), Some(Facility { number, name }), "{code:?}");
        };
        check(Code::hresult(0x8007_0002), 7, Some("FACILITY_WIN32"));
        check(Code::hresult(0x800F_0922), 15, Some("FACILITY_SETUPAPI"));
        check(
            Code::hresult(0x8024_402C),
            36,
            Some("FACILITY_WINDOWSUPDATE"),
        );
        check(
            Code::hresult(0x80D0_2002),
            208,
            Some("FACILITY_DELIVERY_OPTIMIZATION"),
        );
        check(Code::hresult(0xC190_0101), 400, Some("FACILITY_MOSETUP"));
        check(Code::hresult(0x8E5E_03FA), 3678, Some("FACILITY_ESENT"));
        check(
            Code::ntstatus(0xC015_001A),
            21,
            Some("FACILITY_SXS_ERROR_CODE"),
        );
        check(Code::hresult(0x8ABB_0001), 0xABB, None);
        assert_eq!(Code::win32(5).facility(), None);
        assert!(
            Code::ntstatus(0xE043_4352).is_customer() && !Code::ntstatus(0xC000_0005).is_customer()
        );
    }
}
