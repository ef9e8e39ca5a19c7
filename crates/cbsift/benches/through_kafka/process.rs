//! What processes of a bench have used, as the kernel counts it.

/// CPU seconds of a process.
pub(crate) fn cpu(id: u32) -> f64 {
    fields(id, 11)
}

/// CPU seconds of this process's children that have ended.
pub(crate) fn children_cpu() -> f64 {
    fields(std::process::id(), 13)
}

/// Two neighbouring fields of `/proc/ID/stat`, counted from the one behind the name.
fn fields(id: u32, first: usize) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("a process of ours");
    let (_, fields) = text.rsplit_once(") ").expect("a name in parentheses");
    let ticks: f64 = fields
        .split(' ')
        .skip(first)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// MiB of a process: `VmRSS:` now, `VmHWM:` at most.
pub(crate) fn memory_of(id: u32, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process of ours");
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse::<f64>()
                .ok()
        })
        .expect("Linux")
        / 1024.0
}
