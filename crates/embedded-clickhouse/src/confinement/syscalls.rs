//! What the kernel refuses this process, with EPERM: a library that meets it reports an error, as for any other right it lacks.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

/// Calls that have no place in an engine that answers on sockets which it was given.
const DENIED: &[c_long] = &[
    // Other machines and processes. What is open stays open.
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    // Programs and processes; those of `clone` are refused below.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    // Landlock keeps signals inside from Linux 6.12 on only. A thread that aborts uses `tgkill`, which names its own process.
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_kcmp,
    // A second way to most calls, past this list.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Files past landlock: by handle, or by changing whose they are and who may use them, which it does not know.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_chmod,
    libc::SYS_fchmodat,
    libc::SYS_fchmodat2,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    // The file system as others see it.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    // The machine.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Who we are and where.
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_personality,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Calls of kernels for 32-bit pointers are numbered anew with this bit, under the same architecture.
const X32: c_long = 0x4000_0000;

/// Those of the list above that have numbers of their own there: execve, ptrace, process_vm_readv and _writev, execveat,
/// kexec_load.
const OF_X32_ALONE: [c_long; 6] = [520, 521, 539, 540, 545, 528];

/// Refuses them from now on, for this thread and all that it starts.
pub(super) fn deny() -> Result<(), Error> {
    let mut denied = BTreeMap::new();
    for &call in DENIED {
        denied.insert(call, Vec::new());
        denied.insert(call | X32, Vec::new());
    }
    for call in OF_X32_ALONE {
        denied.insert(call | X32, Vec::new());
    }
    // A thread is no process of its own. The flags of `clone3` lie in memory, where a filter cannot look, so it is said not
    // to be there: the C library takes `clone` then.
    let is_no_thread = masked(0, libc::CLONE_THREAD as u64, 0)?;
    // A pair of connected streams is how the runtime wakes itself. The other kinds can be sent to any address.
    let is_no_stream = [libc::SOCK_DGRAM, libc::SOCK_RAW, libc::SOCK_SEQPACKET]
        .map(|kind| masked(1, 0xF, kind as u64));
    let is_no_stream = is_no_stream.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (call, rules) in [
        (libc::SYS_clone, vec![is_no_thread]),
        (libc::SYS_socketpair, is_no_stream),
    ] {
        denied.insert(call, rules.clone());
        denied.insert(call | X32, rules);
    }
    let absent = [
        (libc::SYS_clone3, Vec::new()),
        (libc::SYS_clone3 | X32, Vec::new()),
    ];
    for (calls, errno) in [
        (denied, libc::EPERM),
        (BTreeMap::from(absent), libc::ENOSYS),
    ] {
        let filter = SeccompFilter::new(
            calls,
            SeccompAction::Allow,
            SeccompAction::Errno(errno as u32),
            std::env::consts::ARCH.try_into()?,
        )?;
        let program: BpfProgram = filter.try_into()?;
        apply_filter(&program)?;
    }
    Ok(())
}

/// The rule that bits of an argument are so.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, BackendError> {
    let condition = SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(mask),
        value,
    )?;
    SeccompRule::new(vec![condition])
}
