//! Every spelling of a code that servicing logs use, and what is none. The lines are made up.

use super::*;
use std::string::{String, ToString};
use std::vec::Vec;

/// Readings as `hresult 0x80070570 hex`, joined by ` | `.
fn check(text: &str, expected: &str) {
    let readings = decode(text);
    let found: Vec<String> = readings
        .iter()
        .map(|reading| {
            let extend = reading
                .extend
                .map(|extend| std::format!(" {extend}"))
                .unwrap_or_default();
            std::format!("{:?} {:?}{extend}", reading.code, reading.form)
        })
        .collect();
    assert_eq!(found.join(" | "), expected, "`{text}`");
}

#[test]
fn hex_in_any_dress() {
    check("0x800f0922", "hresult 0x800f0922 Hex");
    check("0X800F0922", "hresult 0x800f0922 Hex");
    check("800F0922", "hresult 0x800f0922 BareHex");
    check("8024402c", "hresult 0x8024402c BareHex");
    check("80070570", "hresult 0x80070570 BareHex");
    check("240010", "hresult 0x00240010 BareHex");
    check(" 0x80070570. ", "hresult 0x80070570 Hex");
    check("0xC0000102", "ntstatus 0xc0000102 Hex");
    check("0xd0000102", "ntstatus 0xc0000102 Hex");
    check("0xd007000d", "ntstatus 0xc007000d Hex");
    check("0x8E5E03FA", "hresult 0x8e5e03fa Hex");
    check("0xC1900101", "hresult 0xc1900101 Hex");
    check(
        "0xC0040009",
        "hresult 0xc0040009 Hex | ntstatus 0xc0040009 Hex",
    );
}

#[test]
fn decimals() {
    check("-2147010798", "hresult 0x80073712 SignedDecimal");
    check("-1073283059", "ntstatus 0xc007000d SignedDecimal");
    check("2388526074", "hresult 0x8e5e03fa Decimal");
    check("2147942402", "hresult 0x80070002 Decimal");
    check("14098", "win32 14098 Decimal");
    check("-1018", "esent -1018 SignedDecimal");
}

#[test]
fn a_number_shows_every_space_it_has() {
    check(
        "0x8000000A",
        "hresult 0x8000000a Hex | ntstatus 0x8000000a Hex",
    );
    check("258", "win32 258 Decimal | ntstatus 0x00000102 Decimal");
    let zero: Vec<Space> = decode("0x0")
        .iter()
        .map(|reading| reading.code.space())
        .collect();
    assert_eq!(
        zero,
        [Space::Win32, Space::Ntstatus, Space::Hresult, Space::Esent]
    );
}

#[test]
fn names() {
    check("STATUS_FILE_CORRUPT_ERROR", "ntstatus 0xc0000102 Name");
    check(
        "STATUS_FILE_CORRUPT_ERROR #34109804#",
        "ntstatus 0xc0000102 Name",
    );
    check("CBS_E_INSTALLERS_FAILED", "hresult 0x800f0922 Name");
    check("CBS_E_NOT_APPLICABLE ", "hresult 0x800f081e Name");
    check("cbs_e_cannot_uninstall", "hresult 0x800f0825 Name");
    check("E_ACCESSDENIED", "hresult 0x80070005 Name");
    check("JET_errReadVerifyFailure", "esent -1018 Name");
}

#[test]
fn macros() {
    check(
        "HRESULT_FROM_WIN32(14098)",
        "hresult 0x80073712 HresultFromWin32",
    );
    check(
        "HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)",
        "hresult 0x80070002 HresultFromWin32",
    );
    check(
        "hresult_from_win32( 0x490 )",
        "hresult 0x80070490 HresultFromWin32",
    );
    check(
        "NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)",
        "ntstatus 0xc007000d NtstatusFromWin32",
    );
    check(
        "HRESULT_FROM_NT(STATUS_ACCESS_DENIED)",
        "ntstatus 0xc0000022 HresultFromNt",
    );
    check(
        "HRESULT_FROM_SETUPAPI(0xE0000207)",
        "hresult 0x800f0207 HresultFromSetupapi",
    );
    check("HRESULT_FROM_WIN32(NO_SUCH_NAME)", "");
    check(
        "HRESULT_FROM_WIN32(-2147024894)",
        "hresult 0x80070002 HresultFromWin32",
    );
}

#[test]
fn what_the_logs_write_around_a_code() {
    check(
        "[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]",
        "hresult 0x800f0922 Hex",
    );
    check(
        "[HRESULT = 0x8024402c - Unknown Error]",
        "hresult 0x8024402c Hex",
    );
    check("[HRESULT = 0x8007045b - ]", "hresult 0x8007045b Hex");
    check("[HRESULT = 0x800f0922]", "hresult 0x800f0922 Hex");
    check("[HRESULT = S_OK]", "hresult 0x00000000 Name");
    check("[gle=0xd0000102]", "ntstatus 0xc0000102 Hex");
    check(
        "GLE = 0x3[gle=0x00000003]",
        "win32 3 Hex | ntstatus 0x00000003 Hex | hresult 0x00000003 Hex",
    );
    check("HRESULT=800F0922", "hresult 0x800f0922 BareHex");
    check("NTSTATUS -1073283059", "ntstatus 0xc007000d SignedDecimal");
    check(
        "c0000279 [Error,Facility=(system),Code=633 (0x0279)]",
        "ntstatus 0xc0000279 BareHex",
    );
    check(
        "800f0207 [Error,Facility=(000f),Code=519 (0x0207)]",
        "hresult 0x800f0207 BareHex",
    );
    check(
        "80070002 [Warning,Facility=FACILITY_NTWIN32,Code=ERROR_FILE_NOT_FOUND]",
        "hresult 0x80070002 BareHex",
    );
    check("Result = 0x8024402C", "hresult 0x8024402c Hex");
    check(
        "hrStatus: 0x80070bc9 [ERROR_FAIL_REBOOT_REQUIRED]",
        "hresult 0x80070bc9 Hex",
    );
    check("Operation result: 0x800f081f", "hresult 0x800f081f Hex");
    check("status: 0x80070308", "hresult 0x80070308 Hex");
    check(
        "Recording result: 0x8007000d, for Inf: mshdc.inf",
        "hresult 0x8007000d Hex",
    );
    check("result 13", "win32 13 Decimal");
    check("hr = 0x0", "hresult 0x00000000 Hex");
    check("hr=0x80070308", "hresult 0x80070308 Hex");
    check("(hr:0x80070002)", "hresult 0x80070002 Hex");
    check("(CBS HRESULT=0x800f0922)", "hresult 0x800f0922 Hex");
    check("errorCode \"0x80248007\"", "hresult 0x80248007 Hex");
    check("*FAILED* [8024000E]", "hresult 0x8024000e BareHex");
}

#[test]
fn setup_pairs() {
    check("0xC1900101-0x20017", "hresult 0xc1900101 Hex 0x20017");
    check("0x8007000D - 0x2000C", "hresult 0x8007000d Hex 0x2000c");
    check("0xC1900101 - 0x4000D", "hresult 0xc1900101 Hex 0x4000d");
}

#[test]
fn an_unknown_number_is_read_by_its_shape() {
    check("0x800fabcd", "hresult 0x800fabcd Hex");
    check("0xC0DECAFE", "ntstatus 0xc0decafe Hex");
    check("0xd0decafe", "ntstatus 0xc0decafe Hex");
    check("0xC142011C", "hresult 0xc142011c Hex");
}

#[test]
fn what_is_no_code() {
    for text in [
        "",
        "-",
        "0x",
        "[]",
        "stack @0x7fed01c2c40",
        "@0xff83e97c",
        "0xff83e97c",
        "0x80000000",
        "0x80000000 system sleep block state",
        "flags 0x2",
        "31bf3856ad364e35",
        "amd64_31bf3856ad364e35",
        "00009626@2022/8/18:07:53:46.609",
        "Failed to process single phase execution.",
        "decade",
        "facade",
        "99999999999",
        "-99999999999",
        "65000",
        "\u{6545}\u{969c}",
        "0x8007\u{ff10}570",
        "HRESULT",
        "HRESULT_FROM_WIN32(",
    ] {
        check(text, "");
    }
}

#[test]
fn a_debug_print_is_named_but_no_failure() {
    let readings = decode("0x40010006");
    assert!(
        readings.iter().all(|reading| !reading.code.is_failure()),
        "{:?}",
        readings.first().map(|r| r.code.to_string())
    );
}

#[test]
fn every_named_code_is_read_from_each_of_its_spellings() {
    for (code, name) in crate::table::all() {
        // What is read is the inside of FACILITY_NT_BIT.
        let wanted = code
            .unwrapped()
            .filter(|inner| inner.space() == Space::Ntstatus)
            .unwrap_or(code);
        let value = code.value();
        let hex = std::format!("{value:#x}");
        let signed = value.cast_signed().to_string();
        for spelling in [name, &hex, &hex.to_uppercase(), &value.to_string(), &signed] {
            let readings = decode(spelling);
            assert!(
                readings.iter().any(|reading| reading.code == wanted),
                "{name} as `{spelling}`"
            );
        }
        if value > 0xFFFFF {
            let bare = std::format!("{value:08X}");
            assert!(
                decode(&bare).iter().any(|reading| reading.code == wanted),
                "{name} as `{bare}`"
            );
        }
    }
}

#[test]
fn a_spelling_cut_anywhere_does_no_harm() {
    for text in [
        "c0000279 [Error,Facility=(system),Code=633 (0x0279)]",
        "[HRESULT = 0x8007045b - \u{6545}\u{969c}]",
        "HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)",
        "0xC1900101 - 0x20017",
        "\u{feff}NTSTATUS \u{2212}1073283059",
    ] {
        for (start, _) in text.char_indices() {
            for (length, _) in text[start..].char_indices() {
                assert!(decode(&text[start..start + length]).len() <= MOST);
            }
        }
    }
}
