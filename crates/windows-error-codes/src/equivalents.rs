//! The same failure in other spaces: NTSTATUS, Win32 and HRESULT.

#[rustfmt::skip]
#[path = "generated/ntstatus_win32.rs"]
mod generated;

use crate::{Code, Space};
use generated::{FROM_WIN32, TO_WIN32};

/// The Win32 number that an NTSTATUS becomes, as `RtlNtStatusToDosError` gives it; nothing where that knows none.
///
/// FACILITY_NT_BIT is ignored, and `0xC007…` holds its number itself.
pub fn ntstatus_to_win32(status: u32) -> Option<u32> {
    let status = if status >> 28 == 0xD {
        status & !0x1000_0000
    } else {
        status
    };
    // 0xC001… are RPC's; ntdll takes the low half of both, and of an HRESULT that came in by mistake.
    if matches!(status >> 16, 0xC001 | 0xC007 | 0x8007) {
        return Some(status & 0xFFFF);
    }
    let found = TO_WIN32
        .binary_search_by_key(&status, |&(known, _)| known)
        .ok()?;
    TO_WIN32.get(found).map(|&(_, win32)| win32)
}

/// Every NTSTATUS that becomes this Win32 number, ascending. Many do: five become `ERROR_ACCESS_DENIED` and more.
pub fn win32_to_ntstatus(number: u32) -> impl Iterator<Item = u32> + Clone {
    let first = FROM_WIN32.partition_point(|&(known, _)| known < number);
    FROM_WIN32
        .iter()
        .skip(first)
        .take_while(move |&&(known, _)| known == number)
        .map(|&(_, status)| status)
}

/// Other codes for the same failure, as [`Code::equivalents`] gives them; none is the code itself, none comes twice.
#[derive(Clone, Debug)]
pub struct Equivalents {
    of: Code,
    /// Where the walk is: 0 to 5 are the single forms, then two for each NTSTATUS.
    step: usize,
}

/// How many single forms come before the list of every NTSTATUS.
const SINGLE_FORMS: usize = 6;

impl Equivalents {
    pub(crate) fn of(code: Code) -> Self {
        Self { of: code, step: 0 }
    }

    /// The NTSTATUS it is or carries.
    fn status(&self) -> Option<u32> {
        match (self.of.space(), self.of.unwrapped()) {
            (Space::Ntstatus, _) => Some(self.of.value()),
            (_, Some(inner)) if inner.space() == Space::Ntstatus => Some(inner.value()),
            _ => None,
        }
    }

    fn win32(&self) -> Option<u32> {
        let canonical = self.of.canonical();
        if canonical == Code::hresult(0) {
            return None; // Success is in every space, and nothing to explain.
        }
        canonical
            .unwrapped()
            .filter(|inner| inner.space() == Space::Win32)
            .map(Code::value)
    }

    fn esent(&self) -> Option<u32> {
        let inner = self.of.unwrapped().unwrap_or(self.of);
        (inner.space() == Space::Esent).then_some(inner.value())
    }

    fn single_form(&self) -> Option<Code> {
        match self.step {
            0 => self.win32().and_then(Code::hresult_from_win32),
            1 => self.win32().map(Code::win32),
            2 => self.status().map(Code::ntstatus),
            3 => self.status().map(Code::hresult_from_ntstatus),
            4 => self.esent().map(|number| Code::of(Space::Esent, number)),
            _ => None,
        }
    }

    /// Every NTSTATUS of the Win32 number, each followed by its HRESULT form; only from the Win32 side, as the map back
    /// from an NTSTATUS would name failures that did not happen.
    fn status_form(&self) -> Option<Code> {
        let number = self.win32().filter(|_| self.status().is_none())?;
        let index = self.step - SINGLE_FORMS;
        // NTSTATUS_FROM_WIN32, which the servicing stack writes, comes first; it exists for 16-bit numbers only.
        let wrapped = (number <= 0xFFFF).then_some(0xC007_0000 | number);
        let status = wrapped
            .into_iter()
            .chain(win32_to_ntstatus(number))
            .nth(index / 2)?;
        Some(if index.is_multiple_of(2) {
            Code::ntstatus(status)
        } else {
            Code::hresult_from_ntstatus(status)
        })
    }
}

impl Iterator for Equivalents {
    type Item = Code;

    fn next(&mut self) -> Option<Code> {
        loop {
            let form = if self.step < SINGLE_FORMS {
                self.single_form()
            } else {
                // The two HRESULT forms of an ESENT error take the place of the list of NTSTATUS.
                match self.esent() {
                    Some(number) => {
                        Some(Code::hresults_from_esent(number).nth(self.step - SINGLE_FORMS)?)
                    }
                    None => Some(self.status_form()?),
                }
            };
            self.step += 1;
            if let Some(code) = form.filter(|&code| code != self.of) {
                return Some(code);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::{String, ToString};
    use std::vec::Vec;

    #[test]
    fn ntstatus_becomes_the_win32_number_seen_beside_it_in_logs() {
        for (status, number) in [
            (0xC000_0102, 0x570),
            (0xC000_0034, 2),
            (0xC000_003A, 3),
            (0xC000_0022, 5),
            (0xC000_0043, 0x20),
            (0xC000_007F, 0x70),
            (0xC000_0279, 0x780),
            (0xC000_042A, 0x308),
            (0xC015_001A, 0x3712),
            (0xC015_0004, 0x36B3),
            (0xC007_000D, 0xD),
        ] {
            assert_eq!(ntstatus_to_win32(status), Some(number), "{status:#x}");
            assert_eq!(
                ntstatus_to_win32(status | 0x1000_0000),
                Some(number),
                "{status:#x} with FACILITY_NT_BIT"
            );
            assert!(
                status >> 16 == 0xC007 || win32_to_ntstatus(number).any(|known| known == status),
                "{status:#x}"
            );
        }
        assert_eq!(ntstatus_to_win32(0xDEAD_BEEF), None);
    }

    #[test]
    fn the_map_is_many_to_one() {
        assert!(win32_to_ntstatus(5).count() > 5);
        assert_eq!(win32_to_ntstatus(0xFFFF).count(), 0);
        for &(number, status) in &FROM_WIN32 {
            assert_eq!(ntstatus_to_win32(status), Some(number));
        }
    }

    #[test]
    fn equivalents_of_the_founding_case() {
        let check = |code: Code, expected: &str| {
            let all: Vec<String> = code.equivalents().map(|code| code.to_string()).collect();
            assert_eq!(all.join(" "), expected, "{code:?}");
        };
        check(Code::ntstatus(0xC000_0102), "0x80070570 1392 0xd0000102");
        check(Code::hresult(0xD000_0102), "0x80070570 1392 0xc0000102");
        let every_status = "0xc0070570 0xd0070570 0xc0000051 0xd0000051 0xc0000052 0xd0000052 \
                            0xc0000053 0xd0000053 0xc0000102 0xd0000102";
        check(
            Code::hresult(0x8007_0570),
            &std::format!("1392 {every_status}"),
        );
        check(
            Code::win32(1392),
            &std::format!("0x80070570 {every_status}"),
        );
        check(Code::ntstatus(0xC007_000D), "0x8007000d 13 0xd007000d");
        check(Code::esent(-1018), "0xc80003fa 0x8e5e03fa");
        check(Code::hresult(0x8E5E_03FA), "-1018 0xc80003fa");
        check(Code::hresult(0x800F_0922), "");
        check(Code::hresult(0), "");
    }

    #[test]
    fn equivalents_share_one_canonical_code() {
        for number in [2, 3, 5, 13, 32, 112, 1392, 14098] {
            for code in Code::win32(number).equivalents() {
                assert_eq!(
                    code.canonical(),
                    Code::win32(number).canonical(),
                    "{code:?}"
                );
            }
        }
    }
}
