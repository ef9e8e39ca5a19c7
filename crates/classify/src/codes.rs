//! Every spelling of a failure code in a record's text, as canonical codes.
//!
//! What is no code: stack addresses (`@0x…`), handles, flags, the sleep block state `0x80000000`, hashes, CSI store numbers,
//! success codes however frightening they look (`0x80070bc2`).

use event::Code;
use memchr::memmem::Finder;
use memchr::{memchr_iter, memchr2_iter, memrchr};
use std::sync::LazyLock;
use windows_error_codes::{Space, lookup};

/// A code and how it is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// Canonical form.
    pub code: Code,
    /// Where the spelling starts in the text.
    pub at: usize,
    /// Where it ends.
    pub end: usize,
    /// It stands in `[gle=…]`: the thread's last error, which may be stale.
    pub is_last_error: bool,
}

/// Searches for what introduces a code, made once: making one costs more than a search of a record.
struct Intros {
    before: [Finder<'static>; 4],
    outcomes: [Finder<'static>; 2],
    facility: Finder<'static>,
    operation: Finder<'static>,
    result: Finder<'static>,
    /// In front of a Win32 number of Setup's: sysprep's return value, and what stopped it at an object.
    returned: Finder<'static>,
    while_doing: Finder<'static>,
    /// Behind a thread's id, where the tracing of newer parts writes its results.
    thread: Finder<'static>,
    /// In front of the decimal of an installation by wusa, in the words of its event.
    because: Finder<'static>,
}

static INTROS: LazyLock<Intros> = LazyLock::new(|| Intros {
    before: ["HRESULT=", "FAILED* [", "resultMapped=", "error code "].map(Finder::new),
    outcomes: ["\tFailure\t", "\tSuccess\t"].map(Finder::new),
    facility: Finder::new(",Facility="),
    operation: Finder::new(" index: "),
    result: Finder::new(", result "),
    returned: Finder::new("dwRet = 0x"),
    while_doing: Finder::new(" while "),
    thread: Finder::new(" tid("),
    because: Finder::new("because of error "),
});

/// Appends every code spelled in a text, in no particular order.
pub fn codes_in(text: &str, found: &mut Vec<Spelling>) {
    hexadecimal(text, found);
    names(text, found);
    bare(text, found);
    keyed(text, found);
    decimal(text, found);
    setup_numbers(text, found);
}

/// `0x800f0922`, `0xD0000102`.
fn hexadecimal(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    for x in memchr_iter(b'x', bytes) {
        let split = x
            .checked_sub(1)
            .and_then(|zero| text.split_at_checked(zero));
        let Some((before, spelling)) = split else {
            continue;
        };
        let digits = spelling.strip_prefix("0x").map(str::as_bytes);
        let Some(value) = digits.and_then(eight_digits) else {
            continue;
        };
        if before.ends_with('@') || before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
            continue;
        }
        let is_last_error = before.ends_with("gle=");
        if let Some(code) = failure(value)
            && (is_last_error || is_introduced(before) || is_plausible(code))
        {
            found.push(Spelling {
                code,
                at: before.len(),
                end: x + 9,
                is_last_error,
            });
        }
    }
}

/// `8024000E` in brackets after a word, `HRESULT=800F0922`, `c0000279 [Error,Facility=(system),Code=633 (0x0279)]`, a column of what the update agent reports.
fn bare(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    let mut take = |at: usize| {
        if let Some(value) = bytes.get(at..).and_then(eight_digits)
            && let Some(code) = failure(value)
        {
            found.push(Spelling {
                code,
                at,
                end: at + 8,
                is_last_error: false,
            });
        }
    };
    for intro in &INTROS.before {
        for at in intro.find_iter(bytes) {
            take(at + intro.needle().len());
        }
    }
    // `80240438<tab>client<tab>Failure<tab>`: in ReportingEvents.log, and where WindowsUpdate.log repeats it.
    for outcome in &INTROS.outcomes {
        if let Some(end) = outcome.find(bytes)
            && let Some(client) = bytes.get(..end).and_then(|row| memrchr(b'\t', row))
            && let Some(tab) = client.checked_sub(9)
            && bytes.get(tab) == Some(&b'\t')
        {
            take(tab + 1);
        }
    }
    // `ReturnHr(1) tid(4c78) C1570108     Msg:[…]`
    for at in INTROS.thread.find_iter(bytes) {
        let thread = at + INTROS.thread.needle().len();
        let digits = bytes.get(thread..).unwrap_or_default();
        let digits = digits.iter().take_while(|byte| byte.is_ascii_hexdigit());
        let end = thread + digits.count();
        if bytes.get(end..end + 2) == Some(b") ") {
            take(end + 2);
        }
    }
    for at in INTROS.facility.find_iter(bytes) {
        // `c0000279 [Error` or `80070002 [Warning` stands before it.
        if let Some(bracket) = text.get(..at).and_then(|before| before.rfind(" ["))
            && let Some(digits) = bracket.checked_sub(8)
        {
            take(digits);
        }
    }
}

/// `ErrorCode: 800106d9`, `hr = 80072ee2`, `exit code: 2147942402`: eight bare digits, or an unsigned decimal, after a key that means a result.
fn keyed(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    for separator in memchr2_iter(b'=', b':', bytes) {
        let rest = bytes.get(separator + 1..).unwrap_or_default();
        // In an event of an event log, key and value stand in quotes.
        let quote = usize::from(rest.first() == Some(&b'"'));
        let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
        let at = separator + 1 + blanks.max(quote);
        let Some(number) = bytes.get(at..) else {
            continue;
        };
        if !matches!(
            number.first(),
            Some(b'2'..=b'4' | b'8' | b'9' | b'c'..=b'e' | b'C'..=b'E')
        ) {
            continue;
        }
        let (value, length) = match eight_digits(number) {
            Some(value) => (value, 8),
            None => match unsigned_decimal(number) {
                Some(value) => (value, 10),
                None => continue,
            },
        };
        let key = text.get(..separator).unwrap_or_default();
        let is_result = ends_with_result_key(key.strip_suffix('"').unwrap_or(key));
        if is_result && let Some(code) = failure(value) {
            found.push(Spelling {
                code,
                at,
                end: at + length,
                is_last_error: false,
            });
        }
    }
}

/// `dwRet = 0x3cf2`, `Error READ, 0x00000570 while gathering`, `Error 1392 while gathering`, `because of error 2147944030`: Win32 numbers in
/// the words of Setup and sysprep, and wusa's decimal.
fn setup_numbers(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    let mut take = |at: usize, end: usize, number: Option<u32>| {
        let code = match number {
            Some(number @ 1..=0xFFFF) => Code::hresult_from_win32(number),
            Some(number) => failure(number),
            None => None,
        };
        if let Some(code) = code.filter(|code| code.is_failure())
            && !found.iter().any(|known| known.at < end && at < known.end)
        {
            found.push(Spelling {
                code,
                at,
                end,
                is_last_error: false,
            });
        }
    };
    for at in INTROS.returned.find_iter(bytes) {
        let start = at + INTROS.returned.needle().len();
        let digits = bytes.get(start..).unwrap_or_default().iter();
        let end = start + digits.take_while(|byte| byte.is_ascii_hexdigit()).count();
        let number = text.get(start..end);
        take(
            start,
            end,
            number.and_then(|number| u32::from_str_radix(number, 16).ok()),
        );
    }
    if let Some(end) = INTROS.while_doing.find(bytes) {
        let before = text.get(..end).unwrap_or_default();
        let start = before.rfind(' ').map_or(0, |blank| blank + 1);
        let word = before.get(start..).unwrap_or_default();
        let number = match word.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => word.parse().ok(),
        };
        let intro = before.get(..start).unwrap_or_default();
        if intro.ends_with("Error ") || intro.ends_with(", ") {
            take(start, end, number);
        }
    }
    for at in INTROS.because.find_iter(bytes) {
        let start = at + INTROS.because.needle().len();
        let number = bytes.get(start..).and_then(unsigned_decimal);
        take(start, start + 10, number);
    }
}

/// Exactly ten decimal digits whose value has a failure's first bit.
fn unsigned_decimal(bytes: &[u8]) -> Option<u32> {
    let digits = bytes
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if digits != 10 {
        return None;
    }
    let text = std::str::from_utf8(bytes.get(..10)?).ok()?;
    text.parse().ok().filter(|value: &u32| value >> 31 == 1)
}

/// `STATUS_FILE_CORRUPT_ERROR`, `HRESULT_FROM_WIN32(14098)`, `NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)`.
fn names(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for underscore in memchr_iter(b'_', bytes) {
        if underscore < done {
            continue;
        }
        let (before, after) = bytes.split_at(underscore);
        let start = before
            .get(done..)
            .and_then(|before| before.iter().rposition(|byte| !is_name(*byte)))
            .map_or(done, |at| done + at + 1);
        let end = after
            .iter()
            .position(|byte| !is_name(*byte))
            .map_or(bytes.len(), |at| underscore + at);
        done = end;
        // The shortest is `E_FAIL`.
        let is_long =
            |name: &&str| name.len() >= 6 && name.starts_with(|c: char| c.is_ascii_uppercase());
        let Some(name) = text.get(start..end).filter(is_long) else {
            continue;
        };
        if matches!(name, "HRESULT_FROM_WIN32" | "NTSTATUS_FROM_WIN32") {
            if let Some((number, length)) = text.get(end..).and_then(wrapped) {
                let form = if name.starts_with('H') {
                    0x8007_0000
                } else {
                    0xC007_0000
                };
                let code = Code::new(form | number);
                if number != 0 && code.is_failure() {
                    found.push(Spelling {
                        code,
                        at: start,
                        end: end + length,
                        is_last_error: false,
                    });
                }
                done = end + length;
            }
        } else if let Some(code) = named(name) {
            found.push(Spelling {
                code,
                at: start,
                end,
                is_last_error: false,
            });
        }
    }
}

/// `NTSTATUS -1073283059`, a signed HRESULT `-2147010798`; the Win32 number of a driver operation, `result 13, inf:`.
fn decimal(text: &str, found: &mut Vec<Spelling>) {
    let bytes = text.as_bytes();
    for minus in memchr_iter(b'-', bytes) {
        let end = minus + 1 + digits_at(bytes, minus + 1);
        let is_free = minus
            .checked_sub(1)
            .and_then(|at| bytes.get(at))
            .is_none_or(|byte| matches!(byte, b' ' | b'=' | b':' | b'(' | b'['));
        if end - minus != 11 || !is_free {
            continue;
        }
        if let Some(Ok(value)) = text.get(minus..end).map(str::parse::<i32>)
            && let Some(code) = failure(value.cast_unsigned())
            && is_plausible(code)
        {
            found.push(Spelling {
                code,
                at: minus,
                end,
                is_last_error: false,
            });
        }
    }
    if let Some(operation) = INTROS.operation.find(bytes)
        && let Some(result) = bytes
            .get(operation..)
            .and_then(|rest| INTROS.result.find(rest))
    {
        let at = operation + result + ", result ".len();
        let end = at + digits_at(bytes, at);
        if let Some(Ok(number @ 1..=0xFFFF)) = text.get(at..end).map(str::parse::<u32>)
            && let Some(code) = Code::hresult_from_win32(number).filter(|code| code.is_failure())
        {
            found.push(Spelling {
                code,
                at,
                end,
                is_last_error: false,
            });
        }
    }
}

/// The code of a symbolic name, where it is a failure.
fn named(name: &str) -> Option<Code> {
    let code = lookup(name)?;
    match code.space() {
        Space::Ntstatus => (code.value() >> 30 == 3).then(|| Code::new(code.value())),
        Space::Hresult => failure(code.value()),
        Space::Win32
            if name.starts_with("ERROR_")
                || name.starts_with("RPC_S_")
                || name.starts_with("EPT_S_") =>
        {
            code.as_logged()
                .filter(|logged| logged.space() == Space::Hresult && logged.is_failure())
        }
        _ => None,
    }
}

/// The number in `(14098)` or `(ERROR_FILE_NOT_FOUND)`, and how long that is.
fn wrapped(text: &str) -> Option<(u32, usize)> {
    let inside = text.strip_prefix('(')?;
    let (inside, _) = inside.split_once(')')?;
    let word = inside.trim();
    let number = match word.parse::<u32>() {
        Ok(number) => number,
        Err(_) => {
            let code = lookup(word)?;
            (code.space() == Space::Win32).then_some(code.value())?
        }
    };
    (number <= 0xFFFF).then_some((number, inside.len() + 2))
}

fn failure(value: u32) -> Option<Code> {
    let code = Code::new(value);
    // `0xE…` only where it is a name of SetupAPI's: other numbers of that size are addresses and hashes.
    let is_code = match value >> 28 {
        0x8 => value != 0x8000_0000,
        0xC | 0xD => true,
        0xE => code.name().is_some(),
        _ => false,
    };
    (is_code && code.is_failure()).then_some(code)
}

/// Whether a number that follows is said to be a result.
fn is_introduced(before: &str) -> bool {
    ends_with_result_key(before.trim_end_matches([' ', '[', '(', ':', '=']))
}

/// Whether a text ends with a word that means a result.
fn ends_with_result_key(before: &str) -> bool {
    let before = before.trim_end_matches(' ');
    let word = before
        .rsplit(|c: char| !c.is_ascii_alphanumeric())
        .next()
        .unwrap_or_default();
    RESULT_KEYS
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

/// Words that say that a number is a result.
const RESULT_KEYS: [&str; 13] = [
    "hresult",
    "hr",
    "result",
    "status",
    "hrstatus",
    "error",
    "errorcode",
    "code",
    "failed",
    "hrresult",
    "returned",
    "resultmapped",
    "exitcode",
];

/// Facilities that servicing logs use; other numbers of that size are addresses and hashes.
fn is_plausible(code: Code) -> bool {
    let value = code.value();
    matches!(
        value >> 16,
        0x8000
            ..=0x8004
                | 0x8007
                | 0x8009
                | 0x800B
                | 0x800F
                | 0x8019
                | 0x8020
                | 0x8024
                | 0x802A
                | 0x8E5E
                | 0x8050
                | 0x80D0
                | 0x87D0
                | 0x8086
                | 0xC000
                | 0xC002
                | 0xC007
                | 0xC014
                | 0xC015
                | 0xC01A
                | 0xC01E
                | 0xC035
                | 0xC03A
                | 0xC180
                | 0xC190
                | 0xC142
                | 0xC1AF
    ) || code.name().is_some()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'
}

/// How many decimal digits stand at a place.
fn digits_at(bytes: &[u8], at: usize) -> usize {
    let digits = bytes.get(at..).unwrap_or_default().iter();
    digits.take_while(|byte| byte.is_ascii_digit()).count()
}

/// Exactly eight hex digits.
fn eight_digits(bytes: &[u8]) -> Option<u32> {
    if bytes.get(8).is_some_and(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut value = 0_u32;
    for byte in bytes.get(..8)? {
        value = value << 4 | char::from(*byte).to_digit(16)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_setup_sysprep_and_wusa_are_read() {
        for (text, code) in [
            (
                "Failed to find updates with error code 80072EFD",
                0x8007_2EFD,
            ),
            (
                "RunDlls: halting sysprep execution. dwRet = 0x3cf2",
                0x8007_3CF2,
            ),
            (
                "Error in validating actions; dwRet = 0x80310039",
                0x8031_0039,
            ),
            (
                "Error READ, 0x00000570 while gathering/applying object: File, C:\\made up",
                0x8007_0570,
            ),
            ("Error 1392 while gathering object C:\\made up", 0x8007_0570),
            (
                "(caller: 00007FFEFCA38A6A) ReturnHr(1) tid(4c78) C1570108     Msg:[made up]",
                0xC157_0108,
            ),
            (
                "could not be installed because of error 2147944030 \"made up\"",
                0x8007_065E,
            ),
            ("{\"ErrorCode\":\"2147944030\"}", 0x8007_065E),
        ] {
            check(text, &[code]);
        }
        for text in [
            "dwRet = 0x0",
            "waited 5 while gathering",
            "Error 0 while gathering object C:\\made up",
            "ReturnHr(1) tid(4c78) 00000000     Msg:[made up]",
            "{\"ErrorCode\":\"2359302\"}",
        ] {
            check(text, &[]);
        }
    }

    fn check(text: &str, expected: &[u32]) {
        let mut found = Vec::new();
        codes_in(text, &mut found);
        let mut values: Vec<u32> = found.iter().map(|spelling| spelling.code.value()).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values, expected, "{text}");
        for spelling in found {
            assert!(text.get(spelling.at..spelling.end).is_some(), "{text}");
        }
    }

    #[test]
    fn every_spelling_is_one_code() {
        check(
            "[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]",
            &[0x800F_0922],
        );
        check("[HRESULT = 0x8024402c - Unknown Error]", &[0x8024_402C]);
        check("[HRESULT = 0x8007045b - ]", &[0x8007_045B]);
        check("x[gle=0xd0000102]", &[0xC000_0102]);
        check("HRESULT_FROM_WIN32(14098) #1#", &[0x8007_3712]);
        check(
            "status HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND).",
            &[0x8007_0002],
        );
        check(
            "NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA) [gle=0xd007000d]",
            &[0xC007_000D],
        );
        check("with NTSTATUS -1073283059 y", &[0xC007_000D]);
        check(
            "STATUS_FILE_CORRUPT_ERROR #34109804# from F",
            &[0xC000_0102],
        );
        check(
            "c0000279 [Error,Facility=(system),Code=633 (0x0279)]",
            &[0xC000_0279],
        );
        check(
            "800f0207 [Error,Facility=(000f),Code=519 (0x0207)]",
            &[0x800F_0207],
        );
        check(
            "80070002 [Warning,Facility=FACILITY_NTWIN32,Code=ERROR_FILE_NOT_FOUND]",
            &[0x8007_0002],
        );
        check("Result = 0x8024402C", &[0x8024_402C]);
        check(
            "hrStatus: 0x80070bc9 [ERROR_FAIL_REBOOT_REQUIRED]",
            &[0x8007_0BC9],
        );
        check(
            "Doqe: Recording result: 0x8007000d, for Inf: a.inf",
            &[0x8007_000D],
        );
        check(
            "INSTALL index: 194, phase: 2, result 13, inf: a.inf",
            &[0x8007_000D],
        );
        check("*FAILED* [8024000E] X", &[0x8024_000E]);
        check("HRESULT=800F0922", &[0x800F_0922]);
        check(
            "182 [X]\t101\t{g}\t200\t80070570\tclient\tFailure\tContent Install\ttext",
            &[0x8007_0570],
        );
        check(
            "163 [X]\t101\t{g}\t200\t8024000b\tclient\tSuccess\tContent Download\ttext",
            &[0x8024_000B],
        );
        check(
            "LogHistory called for x, resultMapped=80070643, resultUnMapped=FFFE",
            &[0x8007_0643],
        );
        check("hr=0x80070308", &[0x8007_0308]);
        check("install failed -2147010798", &[0x8007_3712]);
        check(
            "(F) Installer: A\tBinary Name: a.dll\tErrorCode: 800106d9\tPhase: 31",
            &[0x8001_06D9],
        );
        check(
            "SendRequest failed with hr = 80072ee2. Proxy",
            &[0x8007_2EE2],
        );
        check("the process ended, exit code: 2147942402", &[0x8007_0002]);
        check("[HRESULT = 0xe0000100 - Unknown Error]", &[0xE000_0100]);
        check("状态码 error：0x80070002", &[0x8007_0002]);
    }

    #[test]
    fn what_only_looks_like_a_code_is_none() {
        check("stack @0x7fed806eb3d @0xff83e97c @0x80240001", &[]);
        check("Blocked system sleep; prior state: 0x80000000", &[]);
        check(
            "Created NT transaction (seq 1) result 0x00000000, handle @0x488",
            &[],
        );
        check(
            "CSI Store 616570675040 (0x0000008f8e79df60) initialized",
            &[],
        );
        check("flags: 0x2 and 0x40010006", &[]);
        check(
            "183 [X]\t101\t{g}\t200\t240010\tclient\tSuccess\tContent Install\ttext",
            &[],
        );
        check("resultMapped=240006, resultUnMapped=0", &[]);
        check("hash 0x800f0922aa and 80240020beef", &[]);
        check(
            "[HRESULT = 0x80070bc2 - ERROR_SUCCESS_REBOOT_REQUIRED]",
            &[],
        );
        // They worked: a restart is wanted or has begun, the stack starts again, a scan found no obstacle.
        for text in [
            "[HRESULT = 0x80070bc3 - ERROR_SUCCESS_RESTART_REQUIRED]",
            "returned 0x80070669 ERROR_SUCCESS_REBOOT_INITIATED",
            "NTSTATUS_FROM_WIN32(ERROR_SUCCESS_REBOOT_REQUIRED) [gle=0xd0070bc2]",
            "HRESULT_FROM_WIN32(1641)",
            "dwRet = 0xbc2",
            "INSTALL index: 194, phase: 2, result 3010, inf: a.inf",
            "[HRESULT = 0x800f0833]",
            "hr = c1900210",
            "result 0xC1900210",
        ] {
            check(text, &[]);
        }
        check("INSTALL index: 194, phase: 2, result 0, inf: a.inf", &[]);
        check("[HRESULT = 0x00240005] S_OK ERROR_SUCCESS", &[]);
        check("handle: 80070005, id=80070005, 0xE00001000", &[]);
        check("exit code: 2000000000 and code: 1234567890", &[]);
        check("base 0xe8f01234", &[]);
        check(
            "amd64_x_31bf3856ad364e35_10.0.1.2_none_0011223344556677",
            &[],
        );
    }
}
