//! What reports and pages say of a code, and when two say the same.

use windows_error_codes::{Code, Space};

/// Every name of a code, the one that people use first, each once: its own, and those of the Win32 number that it wraps.
pub fn names(code: Code) -> Vec<&'static str> {
    let wrapped = code
        .unwrapped()
        .filter(|inner| inner.space() == Space::Win32 && inner.value() <= 0xFFFF);
    let others = code
        .names()
        .chain(wrapped.into_iter().flat_map(Code::names));
    let mut names: Vec<&'static str> = code.name().into_iter().collect();
    for name in others {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A number that is equal for codes that say the same: [`Code::canonical`].
pub fn failure_key(code: Code) -> u64 {
    let same = code.canonical();
    (same.space() as u64) << 32 | u64::from(same.value())
}
