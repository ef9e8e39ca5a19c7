//! Records as the logs write them, and what a failure must be told as. All lines of these tests are made up, in the wording of real logs.

use crate::pc::judge;
use classify::Verdict;
use event::Code;

/// A record of CBS.log, dism.log, setupact.log.
pub(crate) fn record(time: &str, level: &str, component: &str, text: &str) -> String {
    format!("2024-05-01 {time}, {level:<22}{component:<7}{text}\r\n")
}

/// Records of one minute, all of one component and at the level of errors.
pub(crate) fn errors(component: &str, texts: &[&str]) -> String {
    let all = texts.iter();
    all.map(|text| record("08:00:05", "Error", component, text))
        .collect()
}

/// A record of WindowsUpdate.log as Get-WindowsUpdateLog writes it.
pub(crate) fn traced(component: &str, text: &str) -> String {
    format!("2024/05/01 08:00:05.1234567 1200  3400  {component:<16}{text}\r\n")
}

/// A record of WindowsUpdate.log up to Windows 8.1.
pub(crate) fn tabbed(component: &str, text: &str) -> String {
    format!("2024-05-01\t08:00:05:100\t 900\t6a0\t{component}\t{text}\r\n")
}

/// A failure with this code, in this category, of an object that names this.
pub(crate) fn check(files: &[(&str, &str)], code: u32, category: &str, object: &str) {
    let judged = judge(files);
    assert_eq!(judged.verdict, Verdict::Failed, "{files:#?}");
    let finding = judged.failure();
    let codes = [finding.root_code, finding.terminal_code];
    assert!(
        codes.contains(&Some(Code::new(code))),
        "{files:#?} {finding:#?}"
    );
    assert_eq!(finding.category, category, "{files:#?} {finding:#?}");
    assert!(finding.object.contains(object), "{files:#?} {finding:#?}");
}

/// A log of which there is nothing to say.
pub(crate) fn quiet(path: &str, log: &str) {
    let judged = judge(&[(path, log)]);
    assert_eq!(
        (judged.verdict, judged.all.findings.len()),
        (Verdict::Healthy, 0),
        "{:#?}",
        judged.all.findings
    );
}
