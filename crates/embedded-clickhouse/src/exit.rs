//! How a process ends that has the engine in it: at once, without the library's exit handlers.
//!
//! The library never stops its threads, and its exit handlers destroy what these threads use, which crashes now and then on a
//! busy machine and turns a good end into a bad status. Some 5500 handlers are registered while it is opened and one more with
//! each first use of something inside it, hundreds in a long run. Handlers run last registered first; ours, registered
//! right after the opening, ends the process before the 5500, and the later ones are never registered at all.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// Ends the process at once, without closing the engine and without any exit handler.
///
/// What is acknowledged is on disk by then, as after a kill. Closing the last connection can crash too (seen once in
/// twelve stops).
#[expect(unsafe_code, reason = "ends the process")]
pub fn leave(status: i32) -> ! {
    let _ = std::io::Write::flush(&mut std::io::stdout());
    // SAFETY: never returns and touches nothing of ours.
    unsafe { libc::_exit(status) }
}

/// Sees to it that the process ends by [`leave`], whoever calls `exit` and whatever the library registers from now on.
/// Answers whether the latter could be arranged.
///
/// # Safety
/// `library` is a handle of `dlopen` that stays open.
#[expect(unsafe_code, reason = "looks into a loaded library")]
pub(crate) unsafe fn guard(library: *mut c_void) -> bool {
    // SAFETY: registers a function for the process's end; it has no argument to outlive.
    unsafe { on_exit(leave_by_handler, std::ptr::null_mut()) };
    // SAFETY: the caller vouches for the handle.
    match unsafe { imported(library, c"__cxa_atexit") } {
        // SAFETY: the slot holds the address of a function of the same prototype.
        Some(slot) => unsafe { redirect(slot) },
        None => false,
    }
}

/// How many exit handlers the library wanted to register and did not.
static HELD_BACK: AtomicUsize = AtomicUsize::new(0);

/// What the library calls in place of `__cxa_atexit`; 0 says that it is registered.
extern "C" fn register_nothing(
    _function: *mut c_void,
    _argument: *mut c_void,
    _library: *mut c_void,
) -> c_int {
    HELD_BACK.fetch_add(1, Ordering::Relaxed);
    0
}

/// Standard output was flushed by who called `exit`; its lock may be held by a thread that goes on.
#[expect(unsafe_code, reason = "ends the process")]
extern "C" fn leave_by_handler(status: c_int, _argument: *mut c_void) {
    // SAFETY: never returns and touches nothing of ours.
    unsafe { libc::_exit(status) }
}

#[expect(
    unsafe_code,
    reason = "a function of the C library that the crate libc leaves out"
)]
unsafe extern "C" {
    /// glibc: calls a function with the exit status at the process's end.
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// The public beginning of `struct link_map` (link.h).
#[repr(C)]
struct LinkMap {
    base: usize,
    name: *const c_char,
    dynamic: *const Dynamic,
}

/// `Elf64_Dyn`.
#[repr(C)]
struct Dynamic {
    tag: i64,
    value: usize,
}

// elf.h
const DT_NULL: i64 = 0;
const DT_PLTRELSZ: i64 = 2;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_JMPREL: i64 = 23;

/// The place in a loaded library where the address of a function lies that it calls in another one.
///
/// # Safety
/// `library` is a handle of `dlopen` that stays open.
#[expect(unsafe_code, reason = "reads the tables of a loaded library")]
unsafe fn imported(library: *mut c_void, name: &CStr) -> Option<*mut *mut c_void> {
    let mut map: *const LinkMap = std::ptr::null();
    // SAFETY: the request writes one pointer.
    let asked = unsafe { libc::dlinfo(library, libc::RTLD_DI_LINKMAP, (&raw mut map).cast()) };
    if asked != 0 || map.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the map and all tables it names as long as the library is open; the dynamic section ends with
    // DT_NULL, and the sizes of the tables are those that the loader itself worked with.
    unsafe {
        let base = (*map).base;
        let (mut strings, mut symbols, mut relocations, mut bytes) = (0, 0, 0, 0);
        let mut entry = (*map).dynamic;
        while (*entry).tag != DT_NULL {
            match (*entry).tag {
                DT_STRTAB => strings = (*entry).value,
                DT_SYMTAB => symbols = (*entry).value,
                DT_JMPREL => relocations = (*entry).value,
                DT_PLTRELSZ => bytes = (*entry).value,
                _ => {}
            }
            entry = entry.add(1);
        }
        if strings == 0 || symbols == 0 || relocations == 0 {
            return None;
        }
        // glibc has made addresses of the offsets, as it documents for debuggers; others leave offsets.
        let address = |value: usize| if value < base { base + value } else { value };
        let strings = address(strings) as *const c_char;
        let symbols = address(symbols) as *const libc::Elf64_Sym;
        let relocations = address(relocations) as *const libc::Elf64_Rela;
        let count = bytes / size_of::<libc::Elf64_Rela>();
        (0..count).find_map(|at| {
            let relocation = &*relocations.add(at);
            let symbol = &*symbols.add((relocation.r_info >> 32) as usize);
            let called = CStr::from_ptr(strings.add(symbol.st_name as usize));
            (called == name).then(|| (base + relocation.r_offset as usize) as *mut *mut c_void)
        })
    }
}

/// Lets the slot point to [`register_nothing`]; answers whether that was allowed.
///
/// # Safety
/// The slot is one of a loaded library's, for a function with the prototype of `__cxa_atexit`.
#[expect(unsafe_code, reason = "writes into a table of a loaded library")]
unsafe fn redirect(slot: *mut *mut c_void) -> bool {
    // The smallest page of the only processor that the library is built for.
    const PAGE: usize = 4096;
    let page = (slot as usize & !(PAGE - 1)) as *mut c_void;
    // The pinned build leaves the table writable; one with full RELRO would not.
    // SAFETY: changes the protection of a page of data that nobody executes.
    if unsafe { libc::mprotect(page, PAGE, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
        return false;
    }
    // SAFETY: aligned and writable; threads of the library see the old address or the new one.
    let slot = unsafe { AtomicPtr::from_ptr(slot) };
    slot.store(register_nothing as *mut c_void, Ordering::Release);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_registers_after_its_opening_is_held_back() {
        let folder = tempfile::tempdir().unwrap();
        let engine = crate::Engine::open(crate::EngineConfig::new(folder.path()));
        // Opening the engine makes its first use of many things.
        let engine = engine.unwrap_or_else(|error| panic!("{error}"));
        assert!(HELD_BACK.load(Ordering::Relaxed) > 0);
        // Never closed, as everywhere.
        std::mem::forget(engine);
    }

    #[test]
    #[expect(unsafe_code, reason = "looks into a loaded library")]
    fn a_function_that_nobody_calls_is_not_found() {
        let this_program = libloading::os::unix::Library::this().into_raw();
        // SAFETY: the program stays open.
        assert_eq!(unsafe { imported(this_program, c"no_such_function") }, None);
    }
}
