//! One spelling of a code, as logs and people write it, to what it can mean.

use crate::{Code, Extend, Space, lookup_all};
use core::ops::Deref;

#[cfg(test)]
mod tests;

/// How a code was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Form {
    /// `0x80070570`
    Hex,
    /// `80070570`
    BareHex,
    /// `1392`, `2388526074`
    Decimal,
    /// `-2147010798`
    SignedDecimal,
    /// `STATUS_FILE_CORRUPT_ERROR`
    Name,
    /// `HRESULT_FROM_WIN32(14098)`
    HresultFromWin32,
    /// `NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)`
    NtstatusFromWin32,
    /// `HRESULT_FROM_NT(STATUS_ACCESS_DENIED)`
    HresultFromNt,
    /// `HRESULT_FROM_SETUPAPI(ERROR_NO_SUCH_DEVINST)`
    HresultFromSetupapi,
}

/// One thing that a spelling can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    /// The code, FACILITY_NT_BIT taken off (`0xD0000102` is the NTSTATUS `0xC0000102`).
    pub code: Code,
    /// How it was written.
    pub form: Form,
    /// Phase and operation, where Windows Setup gave a pair.
    pub extend: Option<Extend>,
}

/// What one spelling can mean, the likeliest first; empty when it is no code. Used as a slice.
#[derive(Clone, Copy, Debug)]
pub struct Readings {
    items: [Reading; MOST],
    length: usize,
}

/// Two ways to read the digits, four spaces each.
const MOST: usize = 8;

/// Reads **one** spelling of a code; a log line with words around it is not one.
///
/// Understood: hex with or without `0x`, signed and unsigned decimal, names, the `…_FROM_…` macros, a pair of Windows
/// Setup (`0xC1900101 - 0x20017`), what CBS writes around a code (`[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]`,
/// `[gle=0xd0000102]`, `c0000279 [Error,Facility=(system),Code=633 (0x0279)]`, `*FAILED* [8024000E]`, `hr = 0x0`), and
/// `STATUS_FILE_CORRUPT_ERROR #34109804#`. A number has one reading for each space that names it. A number that nothing
/// names is read by its shape when that is an HRESULT's or an NTSTATUS's, and is no code otherwise.
pub fn decode(text: &str) -> Readings {
    let mut readings = Readings::none();
    let text = unwrap_brackets(text.trim().trim_end_matches(['.', ',', ';']));
    if let Some((only, rest)) = strip_label(text) {
        read_value(rest, &mut readings);
        if let Some(space) = only {
            readings.keep(space);
        }
    } else {
        read_value(text, &mut readings);
    }
    readings
}

impl Readings {
    fn none() -> Self {
        let filler = Reading {
            code: Code::hresult(0),
            form: Form::Hex,
            extend: None,
        };
        Self {
            items: [filler; MOST],
            length: 0,
        }
    }

    fn push(&mut self, code: Code, form: Form) {
        if self.iter().any(|known| known.code == code) {
            return;
        }
        if let Some(free) = self.items.get_mut(self.length) {
            *free = Reading {
                code,
                form,
                extend: None,
            };
            self.length += 1;
        }
    }

    /// Keeps the readings in one space, where there is one.
    fn keep(&mut self, space: Space) {
        let mut kept = Self::none();
        for reading in self.iter().filter(|reading| reading.code.space() == space) {
            kept.push(reading.code, reading.form);
        }
        if !kept.is_empty() {
            *self = kept;
        }
    }

    fn keep_first_with(&mut self, extend: Extend) {
        self.length = self.length.min(1);
        self.items[0].extend = Some(extend);
    }
}

impl Deref for Readings {
    type Target = [Reading];

    fn deref(&self) -> &[Reading] {
        self.items.get(..self.length).unwrap_or_default()
    }
}

/// `[…]`, `(…)` or quotes around the whole, and the mark of WindowsUpdate.log before it.
fn unwrap_brackets(text: &str) -> &str {
    let text = text.strip_prefix("*FAILED*").unwrap_or(text).trim();
    let text = text.trim_matches('"');
    let text = text
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .unwrap_or(text);
    match text
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
    {
        // `[a] [b]` is two.
        Some(inner) if !inner.contains(']') || inner.ends_with(']') => inner.trim(),
        _ => text,
    }
}

/// What logs write before a code, and the space it then is in.
const LABELS: [(&str, Option<Space>); 18] = [
    ("CBS HRESULT", Some(Space::Hresult)),
    ("HRESULT", Some(Space::Hresult)),
    ("NTSTATUS", Some(Space::Ntstatus)),
    ("Operation result", None),
    ("Recording result", None),
    ("hrStatus", Some(Space::Hresult)),
    ("Exit code", None),
    ("ErrorCode", None),
    ("Error code", None),
    ("resultMapped", None),
    ("resultUnMapped", None),
    ("Result", None),
    ("Status", None),
    ("Error", None),
    ("GLE", None),
    ("Win32", Some(Space::Win32)),
    ("Code", None),
    ("hr", Some(Space::Hresult)),
];

/// A label, then `=`, `:` or a blank.
fn strip_label(text: &str) -> Option<(Option<Space>, &str)> {
    LABELS.iter().find_map(|&(label, space)| {
        let (head, rest) = text.split_at_checked(label.len())?;
        if !head.eq_ignore_ascii_case(label) {
            return None;
        }
        let value = rest
            .trim_start()
            .trim_start_matches(['=', ':'])
            .trim_start()
            .trim_matches('"');
        (value.len() < rest.len() && !value.is_empty()).then_some((space, value))
    })
}

fn read_value(text: &str, readings: &mut Readings) {
    if read_macro(text, readings) || read_setup_pair(text, readings) {
        return;
    }
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+')))
        .unwrap_or(text.len());
    let (token, tail) = text.split_at(end);
    // What may follow: ` - NAME`, ` [Error,Facility=…]`, ` [NAME]`, ` (decimal)`, ` #trace#`, `, for Inf: …`.
    if tail.is_empty()
        || matches!(
            tail.trim_start().chars().next(),
            None | Some('-' | '[' | '(' | '#' | ',')
        )
    {
        read_token(token, readings);
    }
}

fn read_token(token: &str, readings: &mut Readings) {
    if let Some(digits) = token
        .strip_prefix("0x")
        .or_else(|| token.strip_prefix("0X"))
    {
        if let Some(value) = hex(digits, 1) {
            read_number(value, Form::Hex, readings);
        }
        return;
    }
    if let Some(value) = hex(token, 6) {
        // Six digits because ReportingEvents.log drops leading zeros (`240010`). Without a name, only eight are a code.
        let named_only = token.len() < 8;
        read_number_if(value, Form::BareHex, named_only, readings);
    }
    if let Some((value, form)) = decimal(token) {
        // Eight digits that are a code in hex are that; `80070570` is no Win32 number.
        read_number_if(value, form, !readings.is_empty(), readings);
    }
    for code in lookup_all(token) {
        readings.push(code, Form::Name);
    }
}

/// Hex digits, `fewest` to eight of them.
fn hex(digits: &str, fewest: usize) -> Option<u32> {
    let right =
        (fewest..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if right {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

fn decimal(token: &str) -> Option<(u32, Form)> {
    match token.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some((
            token.parse::<i32>().ok()?.cast_unsigned(),
            Form::SignedDecimal,
        )),
        None if token.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((token.parse().ok()?, Form::Decimal))
        }
        _ => None,
    }
}

fn read_number(value: u32, form: Form, readings: &mut Readings) {
    read_number_if(value, form, false, readings);
}

fn read_number_if(value: u32, form: Form, named_only: bool, readings: &mut Readings) {
    let before = readings.len();
    for &space in likeliest_spaces(value) {
        let code = without_nt_bit(Code::of(space, value));
        if code.name().is_some() {
            readings.push(code, form);
        }
    }
    if readings.len() == before
        && !named_only
        && let Some(code) = by_shape(value)
    {
        readings.push(code, form);
    }
}

fn without_nt_bit(code: Code) -> Code {
    match code.unwrapped() {
        Some(inner) if inner.space() == Space::Ntstatus => inner,
        _ => code,
    }
}

fn likeliest_spaces(value: u32) -> &'static [Space] {
    use Space::{Esent, Hresult, Ntstatus, Win32};
    match value >> 28 {
        0 if value < 0x1_0000 => &[Win32, Ntstatus, Hresult, Esent],
        0xC if !is_hresult_with_ntstatus_bits(value) => &[Ntstatus, Hresult, Win32, Esent],
        _ => &[Hresult, Ntstatus, Win32, Esent],
    }
}

/// HRESULTs that begin with 0xC like an NTSTATUS: DISM (0xC004, 0xC151), mounted images (0xC142), Windows Setup (0xC190,
/// 0xC180) and ESENT (0xC800).
fn is_hresult_with_ntstatus_bits(value: u32) -> bool {
    matches!(
        value >> 16,
        0xC004 | 0xC142 | 0xC151 | 0xC180 | 0xC190 | 0xC800
    )
}

/// A number that nothing names. Top bits `0xF…` are addresses more often than codes, small numbers are counts, and the
/// sign bit alone is a flag.
fn by_shape(value: u32) -> Option<Code> {
    match value >> 28 {
        0x8 if value != 0x8000_0000 => Some(Code::hresult(value)),
        0xC if is_hresult_with_ntstatus_bits(value) => Some(Code::hresult(value)),
        0xC | 0xE => Some(Code::ntstatus(value)),
        0xD => Some(without_nt_bit(Code::hresult(value))),
        _ => None,
    }
}

const MACROS: [(&str, Form); 4] = [
    ("HRESULT_FROM_WIN32", Form::HresultFromWin32),
    ("NTSTATUS_FROM_WIN32", Form::NtstatusFromWin32),
    ("HRESULT_FROM_NT", Form::HresultFromNt),
    ("HRESULT_FROM_SETUPAPI", Form::HresultFromSetupapi),
];

/// `MACRO(number or name)`; whether it was one.
fn read_macro(text: &str, readings: &mut Readings) -> bool {
    let Some((name, rest)) = text.split_once('(') else {
        return false;
    };
    let Some(&(_, form)) = MACROS
        .iter()
        .find(|(known, _)| name.trim().eq_ignore_ascii_case(known))
    else {
        return false;
    };
    let Some((argument, _)) = rest.split_once(')') else {
        return false;
    };
    let wanted = if form == Form::HresultFromNt {
        Space::Ntstatus
    } else {
        Space::Win32
    };
    let Some(number) = argument_value(argument.trim(), wanted) else {
        return true;
    };
    let code = match form {
        Form::HresultFromNt => Some(Code::ntstatus(number)),
        Form::HresultFromSetupapi => Some(Code::hresult(0x800F_0000 | (number & 0xFFFF))),
        // Both macros give back what is no Win32 number already: zero and what has the sign bit.
        _ if number == 0 || number >> 31 == 1 => by_shape(number).or(Some(Code::hresult(number))),
        Form::NtstatusFromWin32 => Some(Code::ntstatus(0xC007_0000 | (number & 0xFFFF))),
        _ => Some(Code::hresult(0x8007_0000 | (number & 0xFFFF))),
    };
    if let Some(code) = code {
        readings.push(code, form);
    }
    true
}

fn argument_value(argument: &str, wanted: Space) -> Option<u32> {
    if let Some(digits) = argument
        .strip_prefix("0x")
        .or_else(|| argument.strip_prefix("0X"))
    {
        return hex(digits, 1);
    }
    let number = decimal(argument).map(|(value, _)| value);
    number.or_else(|| {
        lookup_all(argument)
            .find(|code| code.space() == wanted)
            .map(Code::value)
    })
}

/// `0xC1900101-0x20017`, blanks around the dash or not; whether it was one.
fn read_setup_pair(text: &str, readings: &mut Readings) -> bool {
    let Some((result, extend)) = text.split_once('-') else {
        return false;
    };
    let (result, extend) = (result.trim(), extend.trim());
    let number = |text: &str| {
        text.strip_prefix("0x")
            .or_else(|| text.strip_prefix("0X"))
            .and_then(|digits| hex(digits, 1))
    };
    let (Some(result), Some(extend)) = (number(result), number(extend).and_then(Extend::new))
    else {
        return false;
    };
    read_number(result, Form::Hex, readings);
    readings.keep_first_with(extend);
    true
}
