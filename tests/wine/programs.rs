//! Programs for Windows under Wine: `make windows` builds them, `tests/wine/prepare` gets Wine.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, OnceLock};

/// Both programs, by the word in their names.
pub(crate) const ARCHITECTURES: [&str; 2] = ["x64", "x86"];

/// What Wine cannot start in a 32-bit program is taken from beside it.
const ABSENT: &str = "crypt32,ncrypt,secur32,wintrust,ws2_32=n,b;mscoree,mshtml=";

pub(crate) fn repository() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    folder.canonicalize().unwrap()
}

/// A program of this repository under Wine.
pub(crate) fn program(name: &str, architecture: &str) -> Command {
    keep_awake();
    started(name, architecture)
}

/// Wine's own processes start with the first program and end with the last, which takes longer than any of ours: one that only waits keeps them.
/// They have its outputs, which nobody waits for the end of. It ends when its standard input does, so with this process at the latest.
fn keep_awake() {
    static WAITING: OnceLock<(Mutex<Child>, tempfile::NamedTempFile)> = OnceLock::new();
    WAITING.get_or_init(|| {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = started("hold", "x64");
        command
            .arg(as_windows(file.path()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Until it says so, another one could be the first.
        let mut line = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held");
        (Mutex::new(child), file)
    });
}

fn started(name: &str, architecture: &str) -> Command {
    let name = format!("{name}-{architecture}");
    let path = repository().join(format!("target/windows/under-wine/{name}/{name}.exe"));
    assert!(
        path.is_file(),
        "no program at {}\nhint: make windows wine",
        path.display()
    );
    let mut command = wine();
    command.arg(path);
    if architecture == "x86" {
        command.env("WINEDLLOVERRIDES", ABSENT);
    }
    command
}

fn wine() -> Command {
    let folder = repository().join(".cache/wine");
    let mut command = Command::new("/usr/lib/wine/wine64");
    command
        .env(
            "WINEPREFIX",
            folder.join("prefix").canonicalize().expect("make wine"),
        )
        .env(
            "WINEDLLPATH",
            folder.join("libraries").canonicalize().expect("make wine"),
        )
        .env("WINEDEBUG", "-all")
        .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
        .env("DISPLAY", "")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null());
    command
}

/// A program in a console of its own, as a double click starts it; returns when it ends. Without a display nobody answers it.
pub(crate) fn double_click(path: &Path, architecture: &str) -> Output {
    let mut command = wine();
    if architecture == "x86" {
        command.env("WINEDLLOVERRIDES", ABSENT);
    }
    command
        .args(["start", "/wait", &as_windows(path)])
        .output()
        .unwrap()
}

/// `C:` of the machine that Wine makes up.
pub(crate) fn volume() -> PathBuf {
    let prefix = repository().join(".cache/wine/prefix").canonicalize();
    prefix.expect("make wine").join("drive_c")
}

/// The folder of a program, with the libraries beside it.
pub(crate) fn folder_of(name: &str, architecture: &str) -> PathBuf {
    repository().join(format!("target/windows/under-wine/{name}-{architecture}"))
}

pub(crate) fn output(mut command: Command, folder: &Path, arguments: &[&str]) -> Output {
    command
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The path of this system as Wine shows it.
pub(crate) fn as_windows(path: &Path) -> String {
    format!("Z:{}", path.to_string_lossy().replace('/', "\\"))
}

/// A file that another program holds.
pub(crate) struct Held(Child);

/// Holds a file open to write until it is let go.
pub(crate) fn hold(path: &Path) -> Held {
    let mut child = program("hold", "x64")
        .arg(as_windows(path))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line.trim(), "held");
    Held(child)
}

impl Held {
    pub(crate) fn let_go(&mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
