//! Started by a double click: scans the PC, writes a page beside the program, and opens it.

use crate::here::{Here, Installation};
use crate::progress::Progress;
use crate::report::{self, Language};
use anyhow::Context;
use classify::Rules;
use event::UtcMillis;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// Whether nothing was asked for, and the console was made for us alone: a person who typed the name sees the help instead.
pub(crate) fn is_meant() -> bool {
    std::env::args_os().len() == 1 && windows_here::has_console_of_its_own()
}

struct Words {
    begins: &'static str,
    verdict: &'static str,
    page: &'static str,
    closed: &'static str,
    elevate: &'static str,
    ends: &'static str,
}

const ENGLISH: Words = Words {
    begins: "Reading the servicing logs of this PC. Nothing is changed and nothing is sent.",
    verdict: "Verdict: ",
    page: "Report: ",
    closed: "Some logs are closed to you, so a failure may stand in them.",
    elevate: "A and Enter reads again as administrator; Enter closes.",
    ends: "Enter closes.",
};

const CHINESE: Words = Words {
    begins: "正在读取本机的更新与维护日志。不修改任何内容，也不发送任何内容。",
    verdict: "结论：",
    page: "报告：",
    closed: "部分日志没有权限读取，其中可能有故障记录。",
    elevate: "输入 A 并按回车以管理员身份重新读取；直接按回车关闭。",
    ends: "按回车关闭。",
};

pub(crate) fn run() -> ExitCode {
    let language = super::language(None);
    let words = match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    };
    let is_closed = match answer(words, language) {
        Ok(is_closed) => is_closed,
        Err(error) => {
            crate::log::error(&error);
            wait(words.ends);
            return ExitCode::from(1);
        }
    };
    if !is_closed || windows_here::is_elevated() != Some(false) {
        wait(words.ends);
        return ExitCode::SUCCESS;
    }
    super::tell(words.closed);
    if wait(words.elevate).trim().eq_ignore_ascii_case("a") {
        let again =
            std::env::current_exe().and_then(|program| windows_here::start_elevated(&program, ""));
        if let Err(error) = again {
            crate::log::complain(format_args!("cannot start as administrator: {error}"));
            wait(words.ends);
        }
    }
    ExitCode::SUCCESS
}

/// Whether something was closed to us.
fn answer(words: &Words, language: Language) -> anyhow::Result<bool> {
    super::tell(words.begins);
    let installation = Installation::of_this_machine().context("no Windows is running here")?;
    let here = Here::look(installation)?;
    let rules = Rules::shipped();
    let scan = here.scan(rules, None, true, &Progress::new(false));
    let page = super::survived(|| {
        let view = report::view(rules, &scan, language, None, false);
        (report::html(&view), view.word)
    });
    let (page, word) = page.context(super::scan::DEFECT)?;
    let beside = std::env::current_exe().ok();
    let folders = [
        beside.as_deref().and_then(Path::parent).map(Path::to_owned),
        std::env::var_os("USERPROFILE").map(PathBuf::from),
        Some(std::env::temp_dir()),
    ];
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let name = file_name(
        here.facts.computer().unwrap_or("PC"),
        UtcMillis(now.as_millis() as i64),
    );
    let path = write(folders.into_iter().flatten(), &name, &page)?;
    super::tell(&format!("{}{word}", words.verdict));
    super::tell(&format!("{}{}", words.page, path.display()));
    if let Err(error) = windows_here::open(&path) {
        crate::log::complain(format_args!("cannot open `{}`: {error}", path.display()));
    }
    Ok(scan.is_closed())
}

/// The machine and the moment, so that no report of before is written over.
fn file_name(computer: &str, now: UtcMillis) -> String {
    let computer: String = computer
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() || letter == '-' {
                letter
            } else {
                '_'
            }
        })
        .collect();
    let now = now.to_string();
    let now: String = now
        .chars()
        .take(19)
        .filter(|letter| letter.is_ascii_digit())
        .collect();
    format!("cbsift-{computer}-{now}.html")
}

/// Writes into the first folder that takes it: a stick may be locked, and a share read-only.
fn write(
    folders: impl Iterator<Item = PathBuf>,
    name: &str,
    page: &str,
) -> anyhow::Result<PathBuf> {
    let mut refused = None;
    for folder in folders {
        let path = folder.join(name);
        match std::fs::write(&path, page) {
            Ok(()) => return Ok(path),
            Err(error) => refused = Some((path, error)),
        }
    }
    let (path, error) = refused.context("no folder for the report")?;
    Err(anyhow::Error::new(error).context(format!("write `{}`", path.display())))
}

/// Says something, and waits for a line: the console closes with us.
fn wait(said: &str) -> String {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{said}");
    let _ = out.flush();
    let mut line = String::new();
    let _ = std::io::stdin().lock().read_line(&mut line);
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_goes_where_it_is_taken_under_a_name_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let name = file_name("PC 42/..", UtcMillis(1_660_809_226_609));
        assert_eq!(name, "cbsift-PC_42___-20220818075346.html");
        let folders = [folder.path().join("none"), folder.path().to_owned()];
        let path = write(folders.clone().into_iter(), &name, "x").unwrap();
        assert_eq!(path, folder.path().join(&name));
        let error = write(folders.into_iter().take(1), &name, "x").unwrap_err();
        assert!(format!("{error:#}").contains("none"), "{error:#}");
    }

    #[test]
    fn a_test_is_no_double_click() {
        assert!(!is_meant());
    }
}
