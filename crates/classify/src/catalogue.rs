//! What the code catalogue knows of canonical codes.

use event::{Code, Space};
use windows_error_codes as catalogue;

/// The name of a code that people use: of a wrapped Win32 number its own.
pub fn name(code: Code) -> Option<&'static str> {
    of(code).name()
}

/// Every name of a code, the one that people use first.
pub fn names(code: Code) -> impl Iterator<Item = &'static str> {
    let first = name(code);
    let win32 = code
        .win32()
        .map(|number| catalogue::names(catalogue::Space::Win32, number));
    let others = of(code).names().chain(win32.into_iter().flatten());
    first
        .into_iter()
        .chain(others.filter(move |name| Some(*name) != first))
}

/// The code in the catalogue's terms.
pub fn of(code: Code) -> catalogue::Code {
    match code.space() {
        // SetupAPI's own errors are Win32 numbers with the application bit set, and stand so in the catalogue.
        Space::Hresult if code.value() >> 28 == 0xE => catalogue::Code::win32(code.value()),
        Space::Hresult => catalogue::Code::hresult(code.value()),
        Space::Ntstatus => catalogue::Code::ntstatus(code.value()),
    }
}

/// A number that is equal for codes that say the same: an NTSTATUS is the same as the Win32 error that the system makes of it.
pub fn failure_key(code: Code) -> u64 {
    match win32(code) {
        Some(number) => 1 << 32 | u64::from(number),
        None => u64::from(code.value()),
    }
}

/// The Win32 number that a code stands for.
pub fn win32(code: Code) -> Option<u32> {
    code.win32().or_else(|| match code.space() {
        Space::Ntstatus => catalogue::ntstatus_to_win32(code.value()),
        Space::Hresult => None,
    })
}
