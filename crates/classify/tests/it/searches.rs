//! Searches, downloads and calls of every generation of the update agent.

use crate::logs::{check, quiet, tabbed, traced};
use crate::pc::judge;
use classify::Verdict;
use event::Code;

#[test]
fn searches_that_failed_are_told_in_every_generation() {
    for (line, code) in [
        (
            tabbed(
                "AU",
                "WARNING: Failed to find updates with error code 80072EFD",
            ),
            0x8007_2EFD,
        ),
        (
            tabbed(
                "Agent",
                "  * WARNING: Failed to synchronize, error = 0x80244007",
            ),
            0x8024_4007,
        ),
        (
            tabbed("AU", "WARNING: Search callback failed, result = 0x80072EE2"),
            0x8007_2EE2,
        ),
        (
            tabbed(
                "PT",
                "WARNING: SyncUpdates failure, error = 0x8024400E, soap client error = 7, soap error code = 400, HTTP status code = 200",
            ),
            0x8024_400E,
        ),
        (
            traced(
                "Agent",
                "* END * Finding updates CallerId = made-up, Id = 3, Exit code = 0x80240438 (cV = x.1)",
            ),
            0x8024_0438,
        ),
        (
            traced("WebServices", "Web service call failed with hr = 8024401c."),
            0x8024_401C,
        ),
        (
            traced(
                "ProtocolTalker",
                "*FAILED* [80244007] SyncUpdates_WithRecovery failed",
            ),
            0x8024_4007,
        ),
        (
            traced("Misc", "*FAILED* [80072F8F] Send request"),
            0x8007_2F8F,
        ),
    ] {
        let judged = judge(&[("WindowsUpdate.log", &line)]);
        assert_eq!(judged.verdict, Verdict::Failed, "{line}");
        let finding = judged.failure();
        assert_eq!(
            finding.root_code.or(finding.terminal_code),
            Some(Code::new(code)),
            "{line}"
        );
        assert!(
            ["network", "wsus_server_error"].contains(&finding.category.as_str()),
            "{line} {finding:#?}"
        );
    }
}

#[test]
fn a_search_that_goes_well_afterwards_makes_up_for_its_requests() {
    let request = traced("Misc", "*FAILED* [80072EE2] Send request");
    let end = |caller: &str, code: &str| {
        traced(
            "Agent",
            &format!(
                "* END * Finding updates CallerId = {caller}, Id = 3, Exit code = 0x{code} (cV = x.1)"
            ),
        )
    };
    let good = request.clone() + &end("made-up", "00000000");
    assert_eq!(
        judge(&[("WindowsUpdate.log", &good)]).verdict,
        Verdict::Healthy
    );
    // The search itself failed; another caller's is none of its own.
    let other = request.clone() + &end("made-up", "80072EE2") + &end("another", "00000000");
    assert_eq!(
        judge(&[("WindowsUpdate.log", &other)]).verdict,
        Verdict::Failed
    );
    let later = request + &end("made-up", "80072EE2") + &end("made-up", "00000000");
    assert_eq!(
        judge(&[("WindowsUpdate.log", &later)]).verdict,
        Verdict::Healthy
    );
}

#[test]
fn the_endpoint_that_did_not_answer_is_named() {
    let log = traced(
        "WebServices",
        "WS error: There was an error communicating with the endpoint at 'http://wsus.example:8530/ClientWebService/client.asmx'.",
    ) + &traced("WebServices", "WS error: The operation timed out")
        + &traced("WebServices", "Web service call failed with hr = 8024401c.");
    check(
        &[("WindowsUpdate.log", &log)],
        0x8024_401C,
        "wsus_server_error",
        "http://wsus.example:8530/",
    );
}

#[test]
fn downloads_that_failed_are_told_with_their_address() {
    let url = "http://download.example/made-up.cab";
    for (line, code, object) in [
        (
            traced(
                "DownloadManager",
                &format!(
                    "BITS job {{0A}} failed, updateId = 0B.1, hr = 0x80200013. File URL = {url}, local path = C:\\x"
                ),
            ),
            0x8020_0013,
            url,
        ),
        (
            traced(
                "DownloadManager",
                &format!(
                    "DO job {{0A}} failed, updateId = 0B.1, hr = 0x80d05001. File URL = {url}, local path = C:\\x"
                ),
            ),
            0x80D0_5001,
            url,
        ),
        (
            traced(
                "DownloadManager",
                "Error 0x800706d9 occurred while downloading update; notifying dependent calls.",
            ),
            0x8007_06D9,
            "",
        ),
        (
            tabbed(
                "DnldMgr",
                "WARNING: BITS job {0A} failed, updateId = {0B}.100, hr = 0x80190194, BG_ERROR_CONTEXT = 5",
            ),
            0x8019_0194,
            "",
        ),
    ] {
        let judged = judge(&[("WindowsUpdate.log", &line)]);
        assert_eq!(judged.verdict, Verdict::Failed, "{line}");
        let finding = judged.failure();
        assert_eq!(
            finding.root_code.or(finding.terminal_code),
            Some(Code::new(code)),
            "{line}"
        );
        assert_eq!(finding.object, object, "{line}");
    }
}

#[test]
fn a_call_that_failed_for_some_updates_takes_the_code_beside_it() {
    let log = traced(
        "ComApi",
        "Install call complete (succeeded = 0, succeeded with errors = 0, failed = 1, cancelled = 0, unaccounted = 0)",
    ) + &traced("ComApi", "Call error code = 0x80246007");
    check(&[("WindowsUpdate.log", &log)], 0x8024_6007, "network", "");
    // The wrapper says only that something else failed.
    let wrapped = log.replace("0x80246007", "0x80240022")
        + &traced(
            "ComApi",
            "*FAILED* [80070005] wuapicore.dll, made-up.cpp @1",
        );
    check(
        &[("WindowsUpdate.log", &wrapped)],
        0x8007_0005,
        "access_denied",
        "",
    );
    let alone = tabbed(
        "COMAPI",
        "  - Install call complete (succeeded = 0, succeeded with errors = 0, failed = 1, unaccounted = 0)",
    );
    assert_eq!(
        judge(&[("WindowsUpdate.log", &alone)]).verdict,
        Verdict::Failed
    );
    let good = alone
        .replace("failed = 1", "failed = 0")
        .replace("succeeded = 0,", "succeeded = 1,");
    assert_eq!(judge(&[("WindowsUpdate.log", &good)]).failures().len(), 0);
}

#[test]
fn an_update_that_the_history_says_is_installed_later_is_over() {
    let history = |update: &str, result: &str| {
        traced(
            "Agent",
            &format!(
                "LogHistory called. idUpdate={{{update}}}.1, resultMapped={result}, resultUnMapped=0"
            ),
        )
    };
    let failed = history("0A", "80070643");
    check(
        &[("WindowsUpdate.log", &failed)],
        0x8007_0643,
        "installer_failed",
        "",
    );
    let over = failed.clone() + &history("0A", "0");
    assert_eq!(
        judge(&[("WindowsUpdate.log", &over)]).verdict,
        Verdict::Healthy
    );
    let other = failed + &history("0B", "0");
    assert_eq!(
        judge(&[("WindowsUpdate.log", &other)]).verdict,
        Verdict::Failed
    );
}

#[test]
fn what_an_old_agent_warns_of_every_day_is_quiet() {
    let day = tabbed(
        "AU",
        "WARNING: Failed to get Network Cost info from NLM, assuming network is NOT metered, error = 0x80240037",
    ) + &tabbed(
        "AU",
        "  # WARNING: There are no approved updates to install",
    ) + &tabbed("AU", "  # Exit code = 0x8024000C")
        + &tabbed(
            "Agent",
            "WARNING: Failed to evaluate Installed rule, updateId = {0A}.100, hr = 80242013",
        )
        + &tabbed(
            "Misc",
            "WARNING: CSerializationHelper:: InitSerialize failed : 0x80070002",
        )
        + &tabbed(
            "Misc",
            "LoadHistoryEventFromRegistry completed, hr = 8024000C",
        )
        + &tabbed(
            "Agent",
            "  * Found 0 updates and 80 categories in search; evaluated appl. rules of 900 out of 1200 deployed entities",
        );
    quiet("WindowsUpdate.log", &day.repeat(8));
}

#[test]
fn lines_without_format_information_are_no_records_and_say_how_to_get_them() {
    let line = "1601/01/01 08:00:00.0000000 844   2928                  Unknown( 60): GUID=00000000-0000-0000-0000-000000000001 (No Format Information found).\r\n";
    let judged = judge(&[("WindowsUpdate.log", &line.repeat(40))]);
    assert_eq!(judged.verdict, Verdict::Inconclusive);
    assert_eq!(judged.all.findings[0].rule, "agent_log_not_decoded");
}

#[test]
fn the_stub_of_windows_10_is_named_with_the_command_to_run() {
    let stub = "Windows Update logs are now generated using ETW (Event Tracing for Windows).\r\nPlease run the Get-WindowsUpdateLog PowerShell command.\r\n";
    let detected = parse::detect("WindowsUpdate.log", stub.as_bytes());
    assert_eq!(detected.source, None);
    assert!(
        detected.reason.contains("Get-WindowsUpdateLog"),
        "{}",
        detected.reason
    );
}

#[test]
fn the_layout_of_tracefmt_is_read() {
    let line = "[0]04B0.0D48::05/01/2024-08:00:05.123 [Agent]LogHistory called. idUpdate={0A}.1, resultMapped=80070643, resultUnMapped=FFFE\r\n";
    check(
        &[("WindowsUpdate.log", line)],
        0x8007_0643,
        "installer_failed",
        "",
    );
    assert_eq!(
        judge(&[("WindowsUpdate.log", line)])
            .failure()
            .logged
            .unwrap()
            .to_string(),
        "2024-05-01 08:00:05"
    );
}
