//! What the code catalogue knows of canonical codes.

use event::{Code, Space};
use windows_error_codes as catalogue;

/// The name of a code, the newest where it has several.
pub fn name(code: Code) -> Option<&'static str> {
    names(code).next()
}

/// Every name of a code in its own space; a wrapped Win32 number has the Win32 name too.
pub fn names(code: Code) -> impl Iterator<Item = &'static str> {
    let space = match code.space() {
        Space::Hresult => catalogue::Space::Hresult,
        Space::Ntstatus => catalogue::Space::Ntstatus,
    };
    let win32 = code
        .win32()
        .map(|number| catalogue::names(catalogue::Space::Win32, number));
    catalogue::names(space, code.value()).chain(win32.into_iter().flatten())
}

/// Whether two codes say the same: an NTSTATUS is the same as the Win32 error that the system makes of it.
pub fn is_same_failure(one: Code, other: Code) -> bool {
    one == other || (win32(one).is_some() && win32(one) == win32(other))
}

/// The Win32 number that a code stands for.
pub fn win32(code: Code) -> Option<u32> {
    code.win32().or_else(|| match code.space() {
        Space::Ntstatus => catalogue::ntstatus_to_win32(code.value()),
        Space::Hresult => None,
    })
}
