//! Programs of Windows that tell what no call tells, each within a bound of time.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for one of them: they answer within a second, and one that hangs must not hang us.
const PATIENCE: Duration = Duration::from_secs(15);

/// More than any of them prints.
const OUTPUT_MAX: u64 = 1024 * 1024;

/// What a program of the system folder prints; nothing where it is not there, fails or takes too long.
///
/// Bytes as they came: they are in the code page of the console, which the readers of such text find out.
pub(super) fn output(system32: &Path, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    // By its whole path: a program of that name elsewhere is not asked.
    let mut child = Command::new(system32.join(program))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let out = child.stdout.take()?;
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        out.take(OUTPUT_MAX).read_to_end(&mut bytes).map(|_| bytes)
    });
    let started = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if started.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let bytes = reader.join().ok()?.ok()?;
    (status?.success() && !bytes.is_empty()).then_some(bytes)
}
