//! What processes of a bench have used, as the kernel counts it; and what a list of measured times says.

use crate::single::children;

/// The time that this share of a hundred stays within, of times in their order: by nearest rank.
pub(crate) fn percentile(sorted: &[f64], share: usize) -> f64 {
    sorted[(sorted.len() * share).div_ceil(100).saturating_sub(1)]
}

/// CPU seconds of a process.
pub(crate) fn cpu(id: u32) -> f64 {
    fields(id, 11)
}

/// CPU seconds of a process and its children, as far as they live: the engine is a process of its own below the role.
pub(crate) fn cpu_with_children(id: u32) -> f64 {
    cpu(id) + children(id).into_iter().map(cpu).sum::<f64>()
}

/// MiB of a process and its children: as [`memory_of`].
pub(crate) fn memory_with_children(id: u32, name: &str) -> f64 {
    let of_children = children(id).into_iter().map(|child| memory_of(child, name));
    memory_of(id, name) + of_children.sum::<f64>()
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
