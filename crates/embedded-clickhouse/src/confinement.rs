//! What the engine's process may reach, whatever a statement or a mistake of the library makes it do: its data, and nothing else
//! of the machine.
//!
//! Two walls, because neither is enough: landlock knows files and TCP ports, but in the kernels in use neither UDP nor path
//! sockets; seccomp knows calls, but no paths. Both hold for threads that start later, and for ever.

mod probe;
mod syscalls;

use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};

use crate::EngineConfig;
use crate::folder;

/// The newest landlock that the crate knows; an older kernel enforces what it can.
const NEWEST: ABI = ABI::V10;

/// Read by the loader with the library: its own NEEDED, which are stubs of the C library already in the process.
const LOADER_FILES: [&str; 5] = [
    "libc.so.6",
    "libdl.so.2",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
];

/// Where distributions keep them.
const LOADER_FOLDERS: [&str; 4] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
];

/// What else the library reads, as strace saw it over the tests of this crate. What is missing on a machine is left out; what it
/// also asks for and does without: accounts, names of hosts, the machine's time zone, debug symbols.
const READ: [(&str, &str); 12] = [
    ("/etc/ld.so.cache", "where the loader finds the files above"),
    ("/dev/urandom", "seeds"),
    ("/proc/self/maps", "names in stack traces"),
    ("/proc/self/auxv", "what the processor can do"),
    (
        "/proc/self/task",
        "time and disk of a query's threads; the environment in there is empty",
    ),
    ("/proc/self/cgroup", "which container's bounds are ours"),
    ("/sys/fs/cgroup", "memory and processors of a container"),
    ("/proc/sys/vm/overcommit_memory", "asked by its allocator"),
    (
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "asked by its allocator",
    ),
    (
        "/sys/devices/system/cpu/possible",
        "how many processors there are",
    ),
    (
        "/sys/devices/system/cpu/online",
        "how many processors there are",
    ),
    ("/sys/devices/system/node", "which memory is whose"),
];

/// What the engine does with its data. No programs, sockets, pipes or devices.
fn work() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        // A database is a link to where its tables' definitions lie.
        | AccessFs::MakeSym
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        // Parts are moved and hard-linked from folder to folder.
        | AccessFs::Refer
}

fn read() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// Bounds and confines this process for good, then tries what must not work. Answers why it is not confined, if so.
///
/// Call it while the process has one thread.
pub(crate) fn confine(config: &EngineConfig) -> Option<String> {
    bound_memory(config.max_memory_bytes);
    if config.zookeeper.is_some() {
        return Some("it must reach a ZooKeeper, as only tests ask for".to_owned());
    }
    let mut reasons = Vec::new();
    match to_files(config) {
        Ok(RulesetStatus::NotEnforced) => {
            reasons.push("this kernel has no landlock".to_owned());
        }
        Ok(RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced) => {}
        Err(error) => reasons.push(format!("landlock: {error}")),
    }
    if let Err(error) = syscalls::deny() {
        reasons.push(format!("seccomp: {error}"));
    }
    reasons.extend(probe::what_got_through());
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

fn to_files(config: &EngineConfig) -> Result<RulesetStatus, landlock::RulesetError> {
    let mut files: Vec<PathBuf> = READ.iter().map(|(path, _)| PathBuf::from(path)).collect();
    files.extend(config.library.clone());
    files.push(folder::configuration(&config.path));
    files.push(config.path.join("users.xml"));
    for folder in LOADER_FOLDERS {
        files.extend(LOADER_FILES.map(|file| Path::new(folder).join(file)));
    }
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        // No rule grants a port: not to connect, not to listen. Sockets that were inherited go on.
        .handle_access(AccessNet::from_all(NEWEST))?
        // Neither signals to others nor sockets without a path.
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules([folder::data(&config.path)], work()))?
        .add_rules(path_beneath_rules(files, read()))?
        .restrict_self()?;
    Ok(status.ruleset)
}

/// The kernel counts address space here, and the engine's allocator keeps it when it gives memory back: with a bound of 1 GiB and
/// twice 16 queries that all ran into it, a limit of 4.2 GB was reached while at most 2.0 GB were in memory, and threads could not
/// start. How much would be mapped without a limit was not measured. Threads' stacks come on top, 8 MiB each.
const MAPPED_FACTOR: u64 = 4;
const MAPPED_BESIDE: u64 = 8 << 30;

/// A last bound behind the engine's own, for an engine that runs away; and the word to the kernel to end this process before
/// its parent, which holds what is not stored yet.
#[expect(unsafe_code, reason = "sets a limit of the process")]
fn bound_memory(max_memory_bytes: u64) {
    let bytes = max_memory_bytes
        .saturating_mul(MAPPED_FACTOR)
        .saturating_add(MAPPED_BESIDE);
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: bytes,
    };
    // SAFETY: reads one struct.
    if unsafe { libc::setrlimit(libc::RLIMIT_DATA, &limit) } != 0 {
        let error = io::Error::last_os_error();
        eprintln!("the engine's memory has no bound but its own: {error}");
    }
    // 1000 is the most; half of it goes before everything of usual size.
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", "500") {
        eprintln!("the kernel does not prefer this process when memory runs out: {error}");
    }
}
