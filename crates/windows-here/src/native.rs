//! Calls of Windows. Each holds its own handles and buffers, and hands out values only.

#![allow(unsafe_code, reason = "the calls of Windows are C")]

use crate::Signature;
use std::ffi::OsString;
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{
    CloseHandle, GENERIC_READ, HANDLE, INVALID_HANDLE_VALUE, TRUST_E_NOSIGNATURE,
};
use windows_sys::Win32::Globalization::GetUserDefaultUILanguage;
use windows_sys::Win32::Security::WinTrust::{
    WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_DATA, WINTRUST_FILE_INFO,
    WTD_CACHE_ONLY_URL_RETRIEVAL, WTD_CHOICE_FILE, WTD_REVOKE_NONE, WTD_STATEACTION_CLOSE,
    WTD_STATEACTION_VERIFY, WTD_UI_NONE, WinVerifyTrust,
};
use windows_sys::Win32::Security::{
    GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_ATTRIBUTE_REPARSE_POINT, FILE_SHARE_READ, FILE_SHARE_WRITE, FindClose,
    FindFirstFileW, GetDiskFreeSpaceExW, OPEN_EXISTING, WIN32_FIND_DATAW,
};
use windows_sys::Win32::System::Console::{
    ENABLE_VIRTUAL_TERMINAL_PROCESSING, GetConsoleMode, GetConsoleProcessList, GetStdHandle,
    STD_OUTPUT_HANDLE, SetConsoleMode,
};
use windows_sys::Win32::System::EventLog::{EvtExportLog, EvtExportLogChannelPath};
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{FSCTL_IS_VOLUME_DIRTY, VOLUME_IS_DIRTY};
use windows_sys::Win32::System::SystemInformation::{GetSystemWindowsDirectoryW, GetTickCount64};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, IsWow64Process, OpenProcessToken};
use windows_sys::Win32::UI::Shell::ShellExecuteW;
use windows_sys::Win32::UI::WindowsAndMessaging::SW_SHOWNORMAL;

/// A text for a call: UTF-16 with a zero behind it.
fn wide(text: impl AsRef<std::ffi::OsStr>) -> Vec<u16> {
    text.as_ref().encode_wide().chain([0]).collect()
}

pub(crate) fn ui_language() -> Option<u16> {
    // SAFETY: takes nothing and cannot fail.
    Some(unsafe { GetUserDefaultUILanguage() })
}

pub(crate) fn has_console_of_its_own() -> bool {
    let mut processes = [0_u32; 2];
    // SAFETY: the buffer is as long as is said.
    unsafe { GetConsoleProcessList(processes.as_mut_ptr(), 2) == 1 }
}

pub(crate) fn takes_escapes() -> bool {
    let mut mode = 0;
    // SAFETY: a handle that is not there or no console makes the calls answer 0.
    unsafe {
        let out = GetStdHandle(STD_OUTPUT_HANDLE);
        GetConsoleMode(out, &mut mode) != 0
            && (mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING != 0
                || SetConsoleMode(out, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0)
    }
}

pub(crate) fn is_elevated() -> Option<bool> {
    let mut token: HANDLE = null_mut();
    let mut elevation = TOKEN_ELEVATION::default();
    let size = size_of::<TOKEN_ELEVATION>() as u32;
    let mut returned = 0;
    // SAFETY: the token is closed below, and the buffer is as large as is said.
    unsafe {
        if OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) == 0 {
            return None;
        }
        let is_told = GetTokenInformation(
            token,
            TokenElevation,
            (&raw mut elevation).cast(),
            size,
            &mut returned,
        ) != 0;
        CloseHandle(token);
        is_told.then_some(elevation.TokenIsElevated != 0)
    }
}

pub(crate) fn start_elevated(program: &Path, arguments: &str) -> io::Result<()> {
    shell("runas", program, arguments)
}

pub(crate) fn open(path: &Path) -> io::Result<()> {
    shell("open", path, "")
}

fn shell(verb: &str, file: &Path, arguments: &str) -> io::Result<()> {
    let (verb, file, arguments) = (wide(verb), wide(file), wide(arguments));
    // SAFETY: every text ends with a zero and outlives the call.
    let answer = unsafe {
        ShellExecuteW(
            null_mut(),
            verb.as_ptr(),
            file.as_ptr(),
            arguments.as_ptr(),
            null(),
            SW_SHOWNORMAL,
        )
    };
    // It answers a number in the shape of a handle: 32 and less are errors.
    if answer as usize > 32 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

pub(crate) fn windows_folder() -> Option<PathBuf> {
    let mut buffer = [0_u16; 512];
    // SAFETY: the buffer is as long as is said.
    let length = unsafe { GetSystemWindowsDirectoryW(buffer.as_mut_ptr(), buffer.len() as u32) };
    let path = buffer.get(..length as usize)?;
    (!path.is_empty()).then(|| PathBuf::from(OsString::from_wide(path)))
}

pub(crate) fn system32_name() -> &'static str {
    let mut is_redirected = 0;
    // SAFETY: the answer has a place of its own.
    let is_known = unsafe { IsWow64Process(GetCurrentProcess(), &mut is_redirected) != 0 };
    if is_known && is_redirected != 0 {
        "Sysnative"
    } else {
        "System32"
    }
}

pub(crate) fn export_channel(channel: &str, file: &Path) -> io::Result<()> {
    let (channel, query, file) = (wide(channel), wide("*"), wide(file));
    // SAFETY: every text ends with a zero and outlives the call; no session means this machine.
    let is_done = unsafe {
        EvtExportLog(
            0,
            channel.as_ptr(),
            query.as_ptr(),
            file.as_ptr(),
            EvtExportLogChannelPath,
        )
    };
    done(is_done)
}

fn done(answer: i32) -> io::Result<()> {
    if answer == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

pub(crate) fn uptime_seconds() -> Option<u64> {
    // SAFETY: takes nothing and cannot fail.
    Some(unsafe { GetTickCount64() } / 1000)
}

pub(crate) fn space(folder: &Path) -> Option<(u64, u64)> {
    let folder = wide(folder);
    let (mut free, mut total) = (0, 0);
    // SAFETY: the answers have places of their own.
    let is_told =
        unsafe { GetDiskFreeSpaceExW(folder.as_ptr(), &mut free, &mut total, null_mut()) != 0 };
    is_told.then_some((free, total))
}

pub(crate) fn is_dirty(volume: &str) -> io::Result<bool> {
    let name = wide(format!(r"\\.\{volume}"));
    let (mut flags, mut returned) = (0_u32, 0_u32);
    // SAFETY: the handle is closed below, and the answer is as large as is said.
    unsafe {
        let handle = CreateFileW(
            name.as_ptr(),
            GENERIC_READ,
            FILE_SHARE_READ | FILE_SHARE_WRITE,
            null(),
            OPEN_EXISTING,
            0,
            null_mut(),
        );
        if handle == INVALID_HANDLE_VALUE {
            return Err(io::Error::last_os_error());
        }
        let answer = done(DeviceIoControl(
            handle,
            FSCTL_IS_VOLUME_DIRTY,
            null(),
            0,
            (&raw mut flags).cast(),
            size_of::<u32>() as u32,
            &mut returned,
            null_mut(),
        ));
        CloseHandle(handle);
        answer.map(|()| flags & VOLUME_IS_DIRTY != 0)
    }
}

pub(crate) fn reparse_tag(path: &Path) -> Option<u32> {
    let name = wide(path);
    let mut data = WIN32_FIND_DATAW::default();
    // SAFETY: the answer has a place of its own, and what was opened is closed.
    unsafe {
        let handle = FindFirstFileW(name.as_ptr(), &mut data);
        if handle == INVALID_HANDLE_VALUE {
            return None;
        }
        FindClose(handle);
    }
    // The first reserved field is the tag of what is a reparse point, and anything else of what is none.
    (data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT != 0).then_some(data.dwReserved0)
}

pub(crate) fn signature(path: &Path) -> io::Result<Signature> {
    let name = wide(path);
    let mut file = WINTRUST_FILE_INFO {
        cbStruct: size_of::<WINTRUST_FILE_INFO>() as u32,
        pcwszFilePath: name.as_ptr(),
        ..WINTRUST_FILE_INFO::default()
    };
    let mut data = WINTRUST_DATA {
        cbStruct: size_of::<WINTRUST_DATA>() as u32,
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwUnionChoice: WTD_CHOICE_FILE,
        dwStateAction: WTD_STATEACTION_VERIFY,
        dwProvFlags: WTD_CACHE_ONLY_URL_RETRIEVAL,
        ..WINTRUST_DATA::default()
    };
    data.Anonymous.pFile = &mut file;
    let mut action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    // SAFETY: the structures say their sizes and outlive both calls; the second frees what the first kept.
    let answer = unsafe {
        let answer = WinVerifyTrust(null_mut(), &mut action, (&raw mut data).cast());
        data.dwStateAction = WTD_STATEACTION_CLOSE;
        WinVerifyTrust(null_mut(), &mut action, (&raw mut data).cast());
        answer
    };
    Ok(match answer {
        0 => Signature::Good,
        TRUST_E_NOSIGNATURE => Signature::Missing,
        other => Signature::Bad(other.cast_unsigned()),
    })
}
