//! What the verdict says of a PC's history: what came right later is over, what waits for a restart waits, what failed last failed.

use crate::pc::judge;
use classify::Verdict::{self, Failed, Healthy, Repaired, Restart};

/// An event of the update client: 19 installed, 20 failed, 25 could not search, 26 searched, 31 could not download.
fn update(hour: u32, id: u32, code: &str, title: &str) -> String {
    event(
        hour,
        "Microsoft-Windows-WindowsUpdateClient",
        id,
        &format!("\"errorCode\":\"{code}\",\"updateTitle\":\"{title}\""),
    )
}

fn event(hour: u32, provider: &str, id: u32, data: &str) -> String {
    let (day, hour) = (1 + hour / 24, hour % 24);
    format!(
        "{{\"ts_utc\":\"2024-05-{day:02}T{hour:02}:00:00.000Z\",\"host\":\"PC-1\",\"channel\":\"System\",\"provider\":\"{provider}\",\"event_id\":{id},\"record_id\":{day}{hour:02},\"level\":\"error\",\"data\":{{{data}}}}}\n"
    )
}

/// Records of an installation whose session ends with this result.
fn install(hour: u32, package: &str, result: &str, reboot: bool) -> String {
    let (day, hour) = (1 + hour / 24, hour % 24);
    let head = |second: u32| {
        format!("2024-05-{day:02} {hour:02}:00:{second:02}, Info                  CBS    ")
    };
    let session = format!("310{day:02}{hour:02}45_1");
    let reboot = if reboot { "yes" } else { "no" };
    format!(
        "{}Exec: Processing started.  Client: WindowsUpdateAgent, Session: {session}, Package: {package}, Identifier: Made Up\r\n\
         {}Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: Made Up, [HRESULT = {result}]\r\n\
         {}Session: {session} finalized. Reboot required: {reboot} [HRESULT = {result}]\r\n",
        head(1),
        head(5),
        head(6)
    )
}

fn check(name: &str, log: &str, expected: Verdict) {
    let judged = judge(&[(name, log)]);
    let findings = &judged.all.findings;
    let rules: Vec<_> = findings
        .iter()
        .map(|finding| (&finding.rule, finding.severity))
        .collect();
    assert_eq!(judged.verdict, expected, "{rules:?} in\n{log}");
}

const ROLLUP: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.4499.1.5";
const NEXT_ROLLUP: &str = "Package_for_RollupFix~31bf3856ad364e35~amd64~~17763.4645.1.6";
const OTHER: &str = "Package_for_KB5000009~31bf3856ad364e35~amd64~~10.0.1.0";

#[test]
fn a_later_success_of_the_same_update_ends_its_failure() {
    let title = "2024-05 Cumulative Update (KB5000001)";
    let other = "2024-05 Cumulative Update (KB5000002)";
    let failed = update(1, 20, "0x80070070", title);
    check("a.jsonl", &failed, Failed);
    check(
        "a.jsonl",
        &(failed.clone() + &update(9, 19, "", title)),
        Healthy,
    );
    check(
        "a.jsonl",
        &(failed.clone() + &update(9, 19, "", other)),
        Failed,
    );
    // What succeeded first and failed last failed.
    let again = update(0, 19, "", title) + &failed;
    check("a.jsonl", &again, Failed);
}

#[test]
fn a_rollup_ends_the_failure_of_the_one_before() {
    let failed = install(1, ROLLUP, "0x800f0922 - CBS_E_INSTALLERS_FAILED", false);
    check("CBS.log", &failed, Failed);
    check(
        "CBS.log",
        &(failed.clone() + &install(30, ROLLUP, "0x00000000", false)),
        Healthy,
    );
    check(
        "CBS.log",
        &(failed.clone() + &install(700, NEXT_ROLLUP, "0x00000000", false)),
        Healthy,
    );
    check(
        "CBS.log",
        &(failed.clone() + &install(700, OTHER, "0x00000000", false)),
        Failed,
    );
    check(
        "CBS.log",
        &(failed + &install(700, NEXT_ROLLUP, "0x00000000", true)),
        Restart,
    );
}

#[test]
fn what_waits_for_a_restart_is_not_healthy() {
    check("CBS.log", &install(1, ROLLUP, "0x00000000", true), Restart);
}

#[test]
fn what_failed_last_failed_though_its_start_is_in_no_log() {
    let anchor = "2024-05-01 01:00:00, Info                  CSI    00000001@2024/5/1:01:00:00.100 CSI Transaction @0x1 initialized for deployment engine\r\n";
    let good = anchor.to_owned() + &install(1, ROLLUP, "0x00000000", false);
    let failed = install(30, ROLLUP, "0x800f0922 - CBS_E_INSTALLERS_FAILED", false);
    let (_, end_alone) = failed.split_once("\r\n").unwrap();
    check("CBS.log", &good, Healthy);
    check("CBS.log", &(good + end_alone), Failed);
}

#[test]
fn a_success_months_later_ends_a_failure_too() {
    let title = "2024-01 Made-Up Update (KB5000001)";
    let in_month = |month: &str, text: String| text.replace("2024-05-", month);
    let failed = in_month("2024-01-", update(1, 20, "0x80070643", title))
        + &in_month("2024-02-", update(1, 20, "0x80070643", title));
    let good = in_month("2024-04-", update(1, 19, "", title));
    check("a.jsonl", &failed, Failed);
    check("a.jsonl", &(failed.clone() + &good), Healthy);
    // What failed again after it failed last.
    let again = update(1, 20, "0x80070643", title);
    check("a.jsonl", &(failed + &good + &again), Failed);
}

#[test]
fn definitions_come_again_and_store_apps_are_no_updates() {
    let definitions = "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version 1.409.1.0)";
    let newer = "Security Intelligence Update for Microsoft Defender Antivirus - KB2267602 (Version 1.409.9.0)";
    let failed = update(30, 20, "0x80070643", definitions);
    check("a.jsonl", &failed, Failed);
    check(
        "a.jsonl",
        &(failed.clone() + &update(40, 19, "", newer)),
        Healthy,
    );
    // One that failed within three days of a success comes again; longer, and the PC goes without.
    check(
        "a.jsonl",
        &(update(10, 19, "", definitions) + &failed),
        Healthy,
    );
    let late = update(200, 20, "0x80070643", newer);
    check(
        "a.jsonl",
        &(update(10, 19, "", definitions) + &late),
        Failed,
    );
    let app = update(1, 20, "0x8024001e", "9ZZZZZZZZZZZ-Made.Up");
    check("a.jsonl", &(update(0, 19, "", definitions) + &app), Healthy);
}

#[test]
fn a_search_that_failed_is_over_when_a_later_one_succeeds() {
    let failed = update(1, 25, "0x8024402c", "");
    check("a.jsonl", &failed, Failed);
    check("a.jsonl", &(failed + &update(2, 26, "", "")), Healthy);
}

#[test]
fn a_scan_of_configmgr_that_failed_is_over_when_a_later_one_succeeds() {
    let line = |minute: u32, kind: u32, text: &str| {
        format!(
            "<![LOG[{text}]LOG]!><time=\"08:{minute:02}:00.123-480\" date=\"05-01-2024\" component=\"WUAHandler\" context=\"\" type=\"{kind}\" thread=\"100\" file=\"made.cpp:1\">\r\n"
        )
    };
    let failed = line(
        1,
        3,
        "OnSearchComplete - Failed to end search job. Error = 0x80244022.",
    ) + &line(1, 3, "Scan failed with error = 0x80244022.");
    let good = line(40, 1, "Successfully completed scan.");
    check("WUAHandler.log", &failed, Failed);
    check("WUAHandler.log", &(failed.clone() + &good), Healthy);
    check("WUAHandler.log", &(good + &failed), Failed);
}

#[test]
fn what_is_over_hides_nothing_that_ended_beside_it() {
    let line = |second: u32, component: &str, text: &str| {
        format!("2024-05-01\t08:00:{second:02}:100\t 900\t6a0\t{component}\t{text}\r\n")
    };
    let failed = line(
        1,
        "Agent",
        "  * WARNING: Failed to synchronize, error = 0x80244007",
    );
    let found = line(
        30,
        "Agent",
        "  * Found 3 updates and 80 categories in search; evaluated appl. rules of 100 out of 200 deployed entities",
    );
    check("WindowsUpdate.log", &(failed.clone() + &found), Healthy);
    let other = line(9, "MadeUp", "FATAL: made-up step ended with 0x80249999");
    check("WindowsUpdate.log", &(failed + &other + &found), Failed);
}

#[test]
fn a_repair_is_one_only_where_the_same_check_finds_nothing_left() {
    let check_sur = |detected: u32, repaired: u32, hour: u32| {
        let head = |second: u32| {
            format!("2024-05-01 {hour:02}:00:{second:02}, Info                  CBS    ")
        };
        format!(
            "{}\r\n=================================\r\nChecking System Update Readiness.\r\n\r\nSummary:\r\nOperation: Detect and Repair\r\nOperation result: 0x0\r\nLast Successful Step: Entire operation completes.\r\nTotal Detected Corruption:\t{detected}\r\n\tCBS Manifest Corruption:\t{detected}\r\nTotal Repaired Corruption:\t{repaired}\r\n\tCBS Manifest Repaired:\t{repaired}\r\n{}Ensure CBS corruption flag is clear\r\n",
            head(1),
            head(2)
        )
    };
    let ordinary: String = (0..30)
        .map(|second| format!("2024-05-01 07:00:{second:02}, Info                  CBS    Made-up step {second}\r\n"))
        .collect();
    let log = |parts: &[String]| ordinary.clone() + &parts.concat();
    check("CBS.log", &log(&[check_sur(0, 0, 8)]), Healthy);
    check("CBS.log", &log(&[check_sur(2, 2, 8)]), Repaired);
    check("CBS.log", &log(&[check_sur(2, 1, 8)]), Failed);
    check(
        "CBS.log",
        &log(&[check_sur(2, 1, 8), check_sur(1, 1, 9)]),
        Repaired,
    );
    // Damage that the check found no more is over; what was found again after it is not.
    let damage = |hour: u32| {
        format!(
            "2024-05-01 {hour:02}:30:00, Error                 CSI    00000014@2024/5/1:{hour:02}:30:00.000 (F) Attempting to mark store corrupt with category [l:12 ml:13]'MadeUpDamage'[gle=0x80004005]\r\n"
        )
    };
    check("CBS.log", &log(&[damage(7)]), Failed);
    check("CBS.log", &log(&[damage(7), check_sur(2, 2, 8)]), Repaired);
    check("CBS.log", &log(&[damage(7), check_sur(0, 0, 8)]), Healthy);
    check(
        "CBS.log",
        &log(&[damage(7), check_sur(2, 2, 8), damage(9)]),
        Failed,
    );
    // An attempt that failed before stays failed: it is to be made again.
    let failed = install(
        7,
        ROLLUP,
        "0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT",
        false,
    );
    check("CBS.log", &(failed + &check_sur(2, 2, 8)), Failed);
}

#[test]
fn an_end_that_only_looks_like_a_failure_is_none() {
    for (result, outcome) in [
        ("0x80070bc2", event::Outcome::PendingReboot),
        ("0x80070bc3", event::Outcome::PendingReboot),
        ("0x80070669", event::Outcome::PendingReboot),
        // The new servicing stack starts again and goes on: this is no end.
        ("0x800f0833", event::Outcome::Unknown),
        ("0x800f0922", event::Outcome::Failed),
    ] {
        let judged = judge(&[("CBS.log", &install(1, ROLLUP, result, false))]);
        let outcomes: Vec<_> = judged.all.attempts.iter().map(|one| one.outcome).collect();
        assert_eq!(outcomes, [outcome], "{result}");
        let has_failed = outcome == event::Outcome::Failed;
        assert_eq!(!judged.failures().is_empty(), has_failed, "{result}");
    }
}
