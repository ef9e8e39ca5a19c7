//! The bound on the disk, on a small file system of its own: what goes, what stays, what is said when nothing can go.
//!
//! `CBSIFT_DISK_MIB=300 cargo test -p cbsift --test it disk` runs the same at that bound; the default is small enough for every day.

use crate::harness::{Up, block_on, get};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use store::{Store, StoreConfig, TextHeld};

const MIB: u64 = 1 << 20;

/// A batch is closed at this size of text; nothing is stored larger than its text.
const BATCH: u64 = 8 * MIB;

fn bound() -> u64 {
    let mib = std::env::var("CBSIFT_DISK_MIB").map_or(64, |mib| mib.parse().expect("MiB"));
    mib * MIB
}

/// A file system in memory, which goes with it.
struct Small(tempfile::TempDir);

impl Small {
    fn of(bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "cbsift-test"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(
            mounted.status.success(),
            "{}\nhint: this test mounts a tmpfs, so it must run as root, in a container with CAP_SYS_ADMIN",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}

/// A log of about so many bytes that packs 2.2 to 2.5 times. One in four 256 KiB holds a failure, so that text that goes and text
/// that stays lie in the same parts.
fn log(folder: &Path, name: &str, day: &str, bytes: u64) -> PathBuf {
    let mut state = xorshift_seed(name);
    let mut text = String::new();
    for line in 0u32.. {
        if text.len() as u64 >= bytes {
            break;
        }
        // A line has some 240 bytes.
        if line % 4_300 == 0 {
            let _ = writeln!(
                text,
                "{day} 08:00:00, Error                 CBS    Failed to install {:016x} [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]\r",
                next(&mut state)
            );
        }
        // A digit is half a byte.
        let _ = write!(text, "{day} 08:00:01, Info                  CBS    ");
        for _ in 0..12 {
            let _ = write!(text, "{:016x}", next(&mut state));
        }
        text.push_str("\r\n");
    }
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn xorshift_seed(name: &str) -> u64 {
    name.bytes().fold(0x9E37_79B9_7F4A_7C15, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3) | 1
    })
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

struct Run {
    up: Up,
    store: Store,
}

impl Run {
    fn on(folder: &Path, max: u64) -> Self {
        let max = format!("{} MiB", max / MIB);
        // Set for the child only: `Up::on` starts it from the environment of this process.
        let config = folder.join("cbsift.toml");
        std::fs::write(&config, format!("[store]\nmax_disk = \"{max}\"\n")).unwrap();
        let up = Up::on(
            &folder.join("data"),
            &["--config", config.to_str().unwrap()],
        );
        let config = StoreConfig::local(up.socket());
        let store = block_on(Store::connect(config)).unwrap();
        Self { up, store }
    }

    fn used(&self) -> u64 {
        block_on(self.store.disk_used()).unwrap()
    }

    fn held(&self) -> Vec<TextHeld> {
        block_on(self.store.text_held()).unwrap()
    }

    fn health(&self) -> (u16, String) {
        get(&format!("{}/readyz", self.up.admin))
    }

    /// The answer to a body of one record.
    fn put(&self, body: &str) -> String {
        let address = self.up.intake.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        let (token, length) = (self.up.token(), body.len());
        write!(
            socket,
            "PUT /v1/streams/cbs/00000000000000b1?offset=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Cbsift-Endpoint: PC-3\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn metric(&self, name: &str) -> f64 {
        let (_, metrics) = get(&format!("{}/metrics", self.up.admin));
        let line = metrics
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name} in {metrics}"))
            .rsplit(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

#[test]
fn text_goes_oldest_first_evidence_last_and_no_more_than_must() {
    let bound = bound();
    let logs = tempfile::tempdir().unwrap();
    let small = Small::of(bound * 640 / 300);
    let run = Run::on(small.path(), bound);
    // 900 MB at a bound of 300 MiB.
    let pieces = 12;
    let (mut most, mut least, mut refused) = (0, u64::MAX, String::new());
    let mut has_been_full = false;
    for piece in 0..pieces {
        let day = format!("2024-{:02}-{:02}", 1 + piece / 6, 1 + piece % 6);
        let name = format!("CBS{piece}.log");
        let path = log(logs.path(), &name, &day, bound * 3 / pieces);
        let mut send = run
            .up
            .send_command(&[&path], &format!("PC-{piece}"), &["--quiet"]);
        let mut send = send.stderr(std::process::Stdio::piped()).spawn().unwrap();
        while send.try_wait().unwrap().is_none() {
            let used = run.used();
            most = most.max(used);
            has_been_full |= used > bound * 9 / 10;
            if has_been_full {
                least = least.min(used);
            }
            let (_, metrics) = get(&format!("{}/metrics", run.up.admin));
            refused.extend(metrics.lines().filter(|line| line.contains("code=\"507\"")));
        }
        let output = send.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let (used, held) = (run.used(), run.held());
    println!(
        "bound {bound}, used at most {most}, at least {least} since it was reached, {used} at the end; held {held:?}"
    );
    assert!(most <= bound + BATCH, "{most} of {bound}");
    assert!(
        has_been_full && least >= bound * 8 / 10,
        "{least} of {bound}"
    );
    assert_eq!(refused, "", "text was left to free");
    let all = bound * 3 / pieces * pieces;
    let [other, evidence] = held.as_slice() else {
        panic!("{held:?}")
    };
    assert!(
        evidence.bytes * 5 > all && other.bytes * 10 < all * 9,
        "{held:?}"
    );
    // What went is of the first days.
    let oldest = store::day_start(other.oldest).to_string();
    assert!(oldest.as_str() >= "2024-01-02", "{oldest}");
}

#[test]
fn what_does_not_fit_is_not_done_and_said_and_a_full_disk_too() {
    let bound = bound();
    let logs = tempfile::tempdir().unwrap();
    // 400 MiB at a bound of 300 MiB; on the smallest file systems the reserve is a larger share.
    let small = Small::of((bound * 400 / 300).max(bound + 37 * MIB));
    let run = Run::on(small.path(), bound);
    let first = log(logs.path(), "CBS.log", "2024-01-01", bound * 2);
    run.up.send(&[&first], "PC-1", &["--quiet"]);
    assert!(run.used() <= bound + BATCH);
    let before = run.held();

    // Others fill the file system, but for what text may not use anyway.
    let ballast = small.path().join("ballast");
    let fill = || {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&ballast)
            .unwrap();
        while file.write_all(&[0; 1 << 16]).is_ok() {}
    };
    fill();
    let deadline = Instant::now() + crate::harness::PATIENCE;
    let said = loop {
        let (status, said) = run.health();
        if status == 503 && said.contains("file system") {
            break said;
        }
        assert!(Instant::now() < deadline, "{status} {said}");
    };
    assert!(said.contains("MiB left of"), "{said}");
    assert_eq!(run.metric("cbsift_store_full"), 1.0);
    assert!(run.metric("cbsift_store_file_system_free_bytes") < 16e6);
    let (_, page) = get(&format!(
        "{}/api/v1/overview",
        run.up.page.trim_end_matches('/')
    ));
    let page: serde_json::Value = serde_json::from_str(&page).unwrap();
    assert_eq!(
        (&page["disk"]["full"], &page["disk"]["file_system_full"]),
        (&true.into(), &true.into())
    );
    let more = log(logs.path(), "more.log", "2024-01-02", MIB);
    let mut send = run.up.send_command(&[&more], "PC-2", &["--quiet"]);
    let refused = run.put("2024-01-03 08:00:00, Info                  CBS    made up\r\n");
    assert!(
        refused.starts_with("HTTP/1.1 507") && refused.contains("no space is left"),
        "{refused}"
    );
    assert_eq!(run.held(), before, "nothing went for it");

    // Space is there again: it goes on by itself.
    std::fs::remove_file(&ballast).unwrap();
    run.up.settle();
    assert!(send.output().unwrap().status.success());
    assert_eq!(run.metric("cbsift_store_full"), 0.0);
}
