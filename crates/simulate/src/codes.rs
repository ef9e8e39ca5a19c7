//! The failure codes that scenarios and noise are written with, as `[HRESULT = …]` spells them.

use std::fmt;

/// An HRESULT with the name this stack prints beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hresult(pub(crate) u32, pub(crate) &'static str);

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x} - {}", self.0, self.1)
    }
}

pub(crate) const INVALID_PACKAGE: Hresult = Hresult(0x800f_0805, "CBS_E_INVALID_PACKAGE");
pub(crate) const MANIFEST_INVALID_ITEM: Hresult =
    Hresult(0x800f_080d, "CBS_E_MANIFEST_INVALID_ITEM");
pub(crate) const SOURCE_MISSING: Hresult = Hresult(0x800f_081f, "CBS_E_SOURCE_MISSING");
pub(crate) const CANCEL: Hresult = Hresult(0x800f_0820, "CBS_E_CANCEL");
pub(crate) const STORE_CORRUPTION: Hresult = Hresult(0x800f_0831, "CBS_E_STORE_CORRUPTION");
pub(crate) const HANG_DETECTED: Hresult = Hresult(0x800f_0920, "CBS_E_HANG_DETECTED");
pub(crate) const INSTALLERS_FAILED: Hresult = Hresult(0x800f_0922, "CBS_E_INSTALLERS_FAILED");
pub(crate) const NO_CONTENT: Hresult = Hresult(0x800f_0950, "CBS_E_INVALID_WINDOWS_UPDATE_COUNT");
pub(crate) const BINARY_MISSING: Hresult = Hresult(0x800f_0984, "PSFX_E_MATCHING_BINARY_MISSING");
pub(crate) const FILE_NOT_FOUND: Hresult = Hresult(0x8007_0002, "ERROR_FILE_NOT_FOUND");
pub(crate) const ACCESS_DENIED: Hresult = Hresult(0x8007_0005, "E_ACCESSDENIED");
pub(crate) const INVALID_DATA: Hresult = Hresult(0x8007_000d, "ERROR_INVALID_DATA");
pub(crate) const SHARING_VIOLATION: Hresult = Hresult(0x8007_0020, "ERROR_SHARING_VIOLATION");
pub(crate) const DISK_FULL: Hresult = Hresult(0x8007_0070, "ERROR_DISK_FULL");
pub(crate) const DIRECTORY: Hresult = Hresult(0x8007_010b, "ERROR_DIRECTORY");
pub(crate) const ARITHMETIC_OVERFLOW: Hresult = Hresult(0x8007_0216, "ERROR_ARITHMETIC_OVERFLOW");
pub(crate) const OUT_OF_SEQUENCE: Hresult = Hresult(0x8007_0308, "ERROR_REQUEST_OUT_OF_SEQUENCE");
pub(crate) const SHUTDOWN_IN_PROGRESS: Hresult = Hresult(0x8007_045b, "ERROR_SHUTDOWN_IN_PROGRESS");
pub(crate) const NOT_FOUND: Hresult = Hresult(0x8007_0490, "ERROR_NOT_FOUND");
pub(crate) const FILE_CORRUPT: Hresult = Hresult(0x8007_0570, "ERROR_FILE_CORRUPT");
pub(crate) const SERVER_UNAVAILABLE: Hresult = Hresult(0x8007_06ba, "RPC_S_SERVER_UNAVAILABLE");
pub(crate) const REBOOT_REQUIRED: Hresult = Hresult(0x8007_0bc9, "ERROR_FAIL_REBOOT_REQUIRED");
pub(crate) const STORE_CORRUPT: Hresult = Hresult(0x8007_3712, "ERROR_SXS_COMPONENT_STORE_CORRUPT");
pub(crate) const INVALID_FUNCTION: Hresult = Hresult(0x8007_0001, "ERROR_INVALID_FUNCTION");
pub(crate) const FAIL: Hresult = Hresult(0x8000_4005, "E_FAIL");
/// CBS does not know the update agent's names.
pub(crate) const NAME_NOT_RESOLVED: Hresult = Hresult(0x8024_402c, "Unknown Error");
/// Success, where a line carries a code at all.
pub(crate) const OK: Hresult = Hresult(0, "S_OK");

/// NTSTATUS values that CSI names; `[gle=…]` shows them with FACILITY_NT_BIT.
pub(crate) mod status {
    pub(crate) const FILE_CORRUPT_ERROR: u32 = 0xc000_0102;
    pub(crate) const ACCESS_DENIED: u32 = 0xc000_0022;
    pub(crate) const SHARING_VIOLATION: u32 = 0xc000_0043;
    pub(crate) const DISK_FULL: u32 = 0xc000_007f;
    pub(crate) const REQUEST_OUT_OF_SEQUENCE: u32 = 0xc000_042a;
    pub(crate) const SXS_COMPONENT_STORE_CORRUPT: u32 = 0xc015_001a;

    /// As `[gle=…]` shows it.
    pub(crate) const fn gle(status: u32) -> u32 {
        status | 0x1000_0000
    }
}

/// Code of a disabled service, behind the HTTP installer's 1058.
pub(crate) const SERVICE_DISABLED: u32 = 0x8007_0422;
