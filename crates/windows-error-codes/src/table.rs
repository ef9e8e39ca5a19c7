//! The generated tables and the searches in them.

#[rustfmt::skip]
#[path = "generated/names.rs"]
mod generated;
#[rustfmt::skip]
#[path = "generated/meanings.rs"]
mod meanings;

use crate::{Code, Space};
use generated::{COUNT, NAME_SLOTS, NAME_STARTS, SLOTS, SPACE_STARTS, VALUES};

/// One name a line, in the order of [`VALUES`].
static NAMES: &str = include_str!("generated/names.txt");
const EMPTY: u16 = u16::MAX;

/// The names of a number in one space: the newest or most usual first, then aliases.
///
/// What wraps another code has mostly no name of its own: see [`Code::name`].
pub fn names(space: Space, value: u32) -> Names {
    let (from, to) = entries_of(space);
    let values = &VALUES[from..to];
    let first = values.partition_point(|&known| known < value);
    let length = values[first..]
        .iter()
        .take_while(|&&known| known == value)
        .count();
    Names {
        next: from + first,
        end: from + first + length,
    }
}

/// The code with this name, in any case of letters. Where sources give a name two numbers, the first of [`lookup_all`].
pub fn lookup(name: &str) -> Option<Code> {
    lookup_all(name).next()
}

/// Every code with this name, in any case of letters; more than one only where sources disagree.
pub fn lookup_all(name: &str) -> impl Iterator<Item = Code> {
    let mut slot = hash(name) as usize & (SLOTS - 1);
    core::iter::from_fn(move || {
        let entry = NAME_SLOTS[slot];
        slot = (slot + 1) & (SLOTS - 1);
        (entry != EMPTY).then_some(entry as usize)
    })
    .filter(move |&entry| name_at(entry).eq_ignore_ascii_case(name))
    .map(code_at)
}

/// The number in every space that has a name for it: over 300 failure numbers are an HRESULT and an NTSTATUS.
pub fn spaces(value: u32) -> impl Iterator<Item = Code> {
    Space::ALL
        .into_iter()
        .filter(move |&space| names(space, value).len() > 0)
        .map(move |space| Code::of(space, value))
}

/// What a code says, in one sentence of our own words: English and Chinese. Only for codes that matter to servicing.
///
/// A code without an entry of its own has the meaning of what it wraps, or of the Win32 number it becomes:
/// `STATUS_FILE_CORRUPT_ERROR` without an entry would mean what `0x80070570` means.
pub fn meaning(code: Code) -> Option<(&'static str, &'static str)> {
    own_meaning(code)
        .or_else(|| code.unwrapped().and_then(meaning))
        .or_else(|| own_meaning(code.canonical()))
}

fn own_meaning(code: Code) -> Option<(&'static str, &'static str)> {
    let key = (code.space() as u8, code.value());
    let found = meanings::MEANINGS
        .binary_search_by_key(&key, |&(space, value, ..)| (space, value))
        .ok()?;
    let (_, _, english, chinese) = meanings::MEANINGS[found];
    Some((english, chinese))
}

/// The names of one number, as [`names`] gives them.
#[derive(Clone, Debug)]
pub struct Names {
    next: usize,
    end: usize,
}

impl Iterator for Names {
    type Item = &'static str;

    fn next(&mut self) -> Option<&'static str> {
        (self.next < self.end).then(|| {
            self.next += 1;
            name_at(self.next - 1)
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl ExactSizeIterator for Names {}

/// Every code that has a name, by space and number.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (Code, &'static str)> {
    (0..COUNT).map(|entry| (code_at(entry), name_at(entry)))
}

fn entries_of(space: Space) -> (usize, usize) {
    (
        SPACE_STARTS[space as usize] as usize,
        SPACE_STARTS[space as usize + 1] as usize,
    )
}

fn name_at(entry: usize) -> &'static str {
    debug_assert!(entry < COUNT);
    &NAMES[NAME_STARTS[entry] as usize..NAME_STARTS[entry + 1] as usize - 1]
}

fn code_at(entry: usize) -> Code {
    let space = Space::ALL
        .into_iter()
        .find(|&space| entry < entries_of(space).1)
        .unwrap_or(Space::Esent);
    Code::of(space, VALUES[entry])
}

/// FNV-1a over the upper-case ASCII bytes, as gen/generate.py fills the slots: short, and good enough for 16,000 names.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |hash, byte| {
        (hash ^ u32::from(byte.to_ascii_uppercase())).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_name_is_found_from_its_number_and_every_number_from_its_name() {
        for (code, name) in all() {
            assert!(
                names(code.space(), code.value()).any(|known| known == name),
                "{name}"
            );
            assert!(lookup_all(name).any(|known| known == code), "{name}");
        }
        assert_eq!(all().count(), COUNT);
    }

    #[test]
    fn names_of_one_number_come_newest_first() {
        let check = |space, value, expected: &[&str]| {
            assert_eq!(names(space, value).collect::<Vec<_>>(), expected)
        };
        check(
            Space::Hresult,
            0x800F_0825,
            &["CBS_E_CANNOT_REMOVE", "CBS_E_CANNOT_UNINSTALL"],
        );
        check(
            Space::Hresult,
            0x800F_0902,
            &["CBS_E_BUSY", "DISMAPI_E_BUSY"],
        );
        check(
            Space::Hresult,
            0x800F_0833,
            &["CBS_S_STACK_RESTART_REQUIRED"],
        );
        check(Space::Hresult, 0x800F_081E, &["CBS_E_NOT_APPLICABLE"]);
        check(Space::Hresult, 0x800F_FFFE, &[]);
        assert_eq!(names(Space::Win32, 0).next(), Some("ERROR_SUCCESS"));
        assert_eq!(names(Space::Hresult, 0).next(), Some("S_OK"));
        assert_eq!(names(Space::Ntstatus, 0).next(), Some("STATUS_SUCCESS"));
    }

    #[test]
    fn a_name_is_found_in_any_case_and_nothing_else_is() {
        assert_eq!(
            lookup("status_file_corrupt_error"),
            Some(Code::ntstatus(0xC000_0102))
        );
        assert_eq!(lookup("JET_errReadVerifyFailure"), Some(Code::esent(-1018)));
        for word in [
            "",
            "ERROR",
            "STATUS_",
            "CBS_E_",
            "E_",
            "STATUS_FILE_CORRUPT_ERROR ",
            "Failed",
            "ERROR_\u{e9}",
        ] {
            assert_eq!(lookup(word), None, "{word}");
        }
    }

    #[test]
    fn a_name_with_two_numbers_gives_both() {
        let found: Vec<_> = lookup_all("STATUS_VOLUME_UPGRADE_PENDING")
            .map(Code::value)
            .collect();
        assert_eq!(found.len(), 2);
        assert!(found.contains(&0xC000_04DA) && found.contains(&0x4000_04DA));
    }

    #[test]
    fn one_number_shows_in_every_space_that_names_it() {
        let found: Vec<_> = spaces(0x8000_000A).map(Code::space).collect();
        assert_eq!(found, [Space::Hresult, Space::Ntstatus]);
    }

    #[test]
    fn no_meaning_is_given_to_a_number_without_a_name() {
        for &(space, value, english, chinese) in &meanings::MEANINGS {
            let code = Code::of(Space::ALL[space as usize], value);
            let is_configmgr = value >> 16 == 0x87D0;
            assert!(
                code.name().is_some() || is_configmgr || UNNAMED.contains(&value),
                "{code:?}"
            );
            assert!(
                english.ends_with('.') && chinese.ends_with('\u{3002}'),
                "{code:?}"
            );
        }
        // Codes of mounted images (0xC142…) and of an upgrade that WSUS cannot decrypt stand in logs, and no source names them.
        const UNNAMED: [u32; 3] = [0xC142_0117, 0xC142_0127, 0xC180_0118];
    }

    #[test]
    fn codes_of_configuration_manager_and_defender_say_what_they_mean() {
        for (text, word) in [
            ("0x87D00692", "group policy"),
            ("-2016409966", "group policy"),
            ("2278557330", "group policy"),
            ("0x87d00668", "restart"),
            ("-2016410008", "restart"),
            ("0x87D00664", "cancelled"),
            ("0x87D00669", "locations"),
            ("0x87D00693", "too old"),
            ("0x87D00215", "did not find"),
            ("0x87D01106", "command line"),
            ("0x80508007", "memory"),
            ("ERROR_MP_BADDB_OLDENGINE", "too old"),
            ("0xC1800118", "WSUS"),
        ] {
            let code = crate::decode(text)[0].code;
            let (english, chinese) = meaning(code).unwrap_or_default();
            assert!(english.contains(word) && !chinese.is_empty(), "{text}");
        }
    }

    #[test]
    fn a_meaning_is_found_through_wrappers() {
        let own = meaning(Code::hresult(0x8007_0570)).unwrap();
        assert_eq!(meaning(Code::win32(1392)), Some(own));
        assert_eq!(
            meaning(Code::hresult(0xD000_0102)),
            meaning(Code::ntstatus(0xC000_0102))
        );
        assert_eq!(
            meaning(Code::ntstatus(0xC007_000D)),
            meaning(Code::hresult(0x8007_000D))
        );
        assert_eq!(
            meaning(Code::hresult(0x8E5E_03FA)),
            meaning(Code::esent(-1018))
        );
        assert_eq!(meaning(Code::hresult(0x8765_4321)), None);
    }
}
