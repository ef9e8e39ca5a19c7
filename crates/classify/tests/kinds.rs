//! Failures of other kinds than a servicing session: commands of DISM, searches and downloads of every generation of the update agent,
//! wusa, Setup and sysprep. From their text to verdict and findings; all lines are made up, in the wording of the real logs.

use classify::{Rules, StreamFacts, UnitInput, Verdict, classify, derive_all, verdict};
use event::{Chunk, Code, Derivation, Finding, Severity, StreamId, TextEncoding};

/// What was made of some files together.
struct Answer {
    verdict: Verdict,
    all: Derivation,
}

impl Answer {
    /// The findings that are more than worth knowing.
    fn failures(&self) -> Vec<&Finding> {
        let findings = self.all.findings.iter();
        findings
            .filter(|finding| finding.severity > Severity::Info)
            .collect()
    }

    /// The only one of them.
    fn failure(&self) -> &Finding {
        let failures = self.failures();
        assert_eq!(failures.len(), 1, "{failures:#?}");
        failures[0]
    }
}

/// Files by name, as a person would hand them over.
fn answer(files: &[(&str, &str)]) -> Answer {
    let rules = Rules::shipped();
    let (mut input, mut records) = (UnitInput::default(), 0);
    for (number, (name, text)) in files.iter().enumerate() {
        let detected = parse::detect(name, text.as_bytes());
        let Some(source) = detected.source else {
            panic!("{name}: {}", detected.reason);
        };
        let chunk = Chunk {
            tenant: "default".into(),
            endpoint: "pc-1".into(),
            source,
            stream: StreamId(number as u64),
            path: (*name).to_owned(),
            offset: 0,
            length: text.len() as u64,
            encoding: TextEncoding::Utf8,
            format: detected.format,
            open: false,
            sender: String::new(),
            received_ms: 0,
            text: (*text).to_owned(),
        };
        let classified = classify(rules, &chunk);
        records += classified.records;
        input.events.extend(classified.events);
        input.streams.push(StreamFacts {
            stream: chunk.stream,
            source: chunk.source,
            anchors: classified.anchors,
            ranges: vec![(0, chunk.length)],
            first: classified.first,
            last: classified.last,
        });
    }
    let derived = derive_all(rules, "default", "pc-1", &input);
    let verdict = verdict(derived.values(), &input.events, records);
    let mut all = Derivation::default();
    for derivation in derived.into_values() {
        all.attempts.extend(derivation.attempts);
        all.findings.extend(derivation.findings);
    }
    Answer { verdict, all }
}

/// A record of CBS.log, dism.log, setupact.log.
fn record(time: &str, level: &str, component: &str, text: &str) -> String {
    format!("2024-05-01 {time}, {level:<22}{component:<7}{text}\r\n")
}

/// Records of one minute, all of one component and at the level of errors.
fn errors(component: &str, texts: &[&str]) -> String {
    let all = texts.iter();
    all.map(|text| record("08:00:05", "Error", component, text))
        .collect()
}

/// A record of WindowsUpdate.log as Get-WindowsUpdateLog writes it.
fn traced(component: &str, text: &str) -> String {
    format!("2024/05/01 08:00:05.1234567 1200  3400  {component:<16}{text}\r\n")
}

/// A record of WindowsUpdate.log up to Windows 8.1.
fn tabbed(component: &str, text: &str) -> String {
    format!("2024-05-01\t08:00:05:100\t 900\t6a0\t{component}\t{text}\r\n")
}

/// A failure with this code, in this category, of an object that names this.
fn check(files: &[(&str, &str)], code: u32, category: &str, object: &str) {
    let answer = answer(files);
    assert_eq!(answer.verdict, Verdict::Failed, "{files:#?}");
    let finding = answer.failure();
    let codes = [finding.root_code, finding.terminal_code];
    assert!(
        codes.contains(&Some(Code::new(code))),
        "{files:#?} {finding:#?}"
    );
    assert_eq!(finding.category, category, "{files:#?} {finding:#?}");
    assert!(finding.object.contains(object), "{files:#?} {finding:#?}");
}

const APP: &str = "Made.Up.App_1.0.0.0_neutral__8wekyb3d8bbwe";

// DISM.

const START: &str = "DISM.EXE: Executing command line: ";
const END: &str = "DISM.EXE: <----- Ending Dism.exe session ----->";

#[test]
fn each_wording_of_a_failed_command_is_a_failed_command() {
    for (text, code) in [
        (
            "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0905",
            0x800F_0905,
        ),
        (
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0905)",
            0x800F_0905,
        ),
        (
            "DISM WIM Provider: PID=1 TID=2 made\\up\\wimmanager.cpp:2201 - CWimManager::ExecuteCmdLine(hr:0x8007007b)",
            0x8007_007B,
        ),
        (
            "API: PID=1 TID=2 InternalExecute failed - CBaseCommandObject::Execute(hr:0x80070002)",
            0x8007_0002,
        ),
        (
            "API: PID=1 TID=2 CAddPackageCommandObject internal execution failed - DismAddPackageInternal(hr:80070002)",
            0x8007_0002,
        ),
    ] {
        let answer = answer(&[("dism.log", &errors("DISM", &[text]))]);
        assert_eq!(answer.verdict, Verdict::Failed, "{text}");
        assert_eq!(answer.all.attempts.len(), 1, "{text}");
        assert_eq!(
            answer.all.attempts[0].terminal_code,
            Some(Code::new(code)),
            "{text}"
        );
        answer.failure();
    }
}

#[test]
fn a_command_whose_host_went_away_is_told_from_a_service_that_is_not_there() {
    let text = "API: PID=1 TID=2 CDisableFeatureCommandObject internal execution failed - DismDisableFeatureInternal(hr:0x80010108)";
    check(
        &[("dism.log", &errors("DISM", &[text]))],
        0x8001_0108,
        "dism_host_lost",
        "",
    );
}

#[test]
fn layers_that_tell_of_one_command_are_one_attempt_with_its_object_and_kb() {
    let log = record(
        "08:00:00",
        "Info",
        "DISM",
        &format!(
            r#"{START}dism /online /add-package /packagepath:"C:\made up\windows10.0-kb5000001-x64.cab""#
        ),
    ) + &errors(
        "DISM",
        &[
            "DISM Package Manager: PID=1 TID=2 Failed processing package changes with session options - CDISMPackageManager::ProcessChangesWithOptions(hr:0x800f0905)",
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0905)",
            "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0905",
        ],
    ) + &record("08:00:06", "Info", "DISM", END);
    let answer = answer(&[("dism.log", &log)]);
    assert_eq!(answer.all.attempts.len(), 1, "{:#?}", answer.all.attempts);
    assert_eq!(answer.all.attempts[0].kb, "KB5000001");
    let finding = answer.failure();
    assert_eq!(finding.object, r"C:\made up\windows10.0-kb5000001-x64.cab");
    assert_eq!(finding.kb, "KB5000001");
}

#[test]
fn a_command_that_found_no_image_has_failed_without_a_code() {
    let log = record(
        "08:00:00",
        "Info",
        "DISM",
        &format!(r"{START}dism /Image:D:\ /Add-Package /PackagePath:C:\x.cab"),
    ) + &errors(
        "DISM",
        &["DISM.EXE: Failed to access the image folder or image's windows folder."],
    ) + &record("08:00:06", "Info", "DISM", END);
    let answer = answer(&[("dism.log", &log)]);
    assert_eq!(
        (answer.verdict, answer.failure().rule.as_str()),
        (Verdict::Failed, "dism_no_image")
    );
}

#[test]
fn an_app_package_is_no_update_and_a_failure_all_the_same() {
    let command =
        r"dism /online /Add-ProvisionedAppxPackage /PackagePath:C:\MadeUp.msixbundle /SkipLicense";
    let log = record("08:00:00", "Info", "DISM", &format!("{START}{command}"))
        + &errors(
            "DISM",
            &[
                r"DISM Appx Provider: PID=1 TID=2 made\up.cpp(773)\AppxProvider.dll!0: (caller: 0) ReturnHr(1) tid(4c78) C1570108     Msg:[Policy] - X::Y",
                "DISM Appx Provider: PID=1 TID=2 Failed to add the app package. - CAppxManager::ExecuteCmdLine(hr:0xc1570108)",
            ],
        );
    check(
        &[("dism.log", &log)],
        0xC157_0108,
        "not_servicing",
        r"C:\MadeUp.msixbundle",
    );
}

#[test]
fn a_command_that_went_well_later_is_over() {
    let command = |time: &str, failure: &str| {
        let end = if failure.is_empty() {
            String::new()
        } else {
            errors("DISM", &[failure])
        };
        record(
            time,
            "Info",
            "DISM",
            &format!("{START}dism /online /enable-feature /featurename:Made-Up"),
        ) + &end
            + &record(time, "Info", "DISM", END)
    };
    let failed = "DISM Package Manager: PID=1 TID=2 Failed while processing command enable-feature. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0906)";
    assert_eq!(
        answer(&[("dism.log", &command("08:00:00", failed))]).verdict,
        Verdict::Failed
    );
    let log = command("08:00:00", failed) + &command("09:00:00", "");
    assert_eq!(answer(&[("dism.log", &log)]).verdict, Verdict::Healthy);
    let again = log + &command("10:00:00", failed);
    assert_eq!(answer(&[("dism.log", &again)]).verdict, Verdict::Failed);
}

#[test]
fn a_command_and_the_servicing_it_waited_for_are_one_failure() {
    let cbs = record(
        "08:00:00",
        "Info",
        "CBS",
        "Exec: Processing started.  Client: DISM Package Manager Provider, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001",
    ) + &record(
        "08:00:04",
        "Info",
        "CBS",
        "Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001 [HRESULT = 0x80070070 - ERROR_DISK_FULL]",
    );
    let dism = errors(
        "DISM",
        &[
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x80070070)",
        ],
    );
    check(
        &[("CBS.log", &cbs), ("dism.log", &dism)],
        0x8007_0070,
        "disk_full",
        "",
    );
    let together = answer(&[("CBS.log", &cbs), ("dism.log", &dism)]);
    assert_eq!(together.all.attempts.len(), 1);
    assert_eq!(
        together.failure().evidence.last().unwrap().source,
        event::Source::Dism
    );
    // An hour later it is another one.
    let later = dism.replace("08:00:05", "09:00:05");
    assert_eq!(
        answer(&[("CBS.log", &cbs), ("dism.log", &later)])
            .all
            .attempts
            .len(),
        2
    );
}

// The update agent.

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
        let answer = answer(&[("WindowsUpdate.log", &line)]);
        assert_eq!(answer.verdict, Verdict::Failed, "{line}");
        let finding = answer.failure();
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
        answer(&[("WindowsUpdate.log", &good)]).verdict,
        Verdict::Healthy
    );
    // The search itself failed; another caller's is none of its own.
    let other = request.clone() + &end("made-up", "80072EE2") + &end("another", "00000000");
    assert_eq!(
        answer(&[("WindowsUpdate.log", &other)]).verdict,
        Verdict::Failed
    );
    let later = request + &end("made-up", "80072EE2") + &end("made-up", "00000000");
    assert_eq!(
        answer(&[("WindowsUpdate.log", &later)]).verdict,
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
        let answer = answer(&[("WindowsUpdate.log", &line)]);
        assert_eq!(answer.verdict, Verdict::Failed, "{line}");
        let finding = answer.failure();
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
        answer(&[("WindowsUpdate.log", &alone)]).verdict,
        Verdict::Failed
    );
    let good = alone
        .replace("failed = 1", "failed = 0")
        .replace("succeeded = 0,", "succeeded = 1,");
    assert_eq!(answer(&[("WindowsUpdate.log", &good)]).failures().len(), 0);
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
        answer(&[("WindowsUpdate.log", &over)]).verdict,
        Verdict::Healthy
    );
    let other = failed + &history("0B", "0");
    assert_eq!(
        answer(&[("WindowsUpdate.log", &other)]).verdict,
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
    let answer = answer(&[("WindowsUpdate.log", &day.repeat(8))]);
    assert_eq!(
        (answer.verdict, answer.all.findings.len()),
        (Verdict::Healthy, 0),
        "{:#?}",
        answer.all.findings
    );
}

#[test]
fn lines_without_format_information_are_no_records_and_say_how_to_get_them() {
    let line = "1601/01/01 08:00:00.0000000 844   2928                  Unknown( 60): GUID=00000000-0000-0000-0000-000000000001 (No Format Information found).\r\n";
    let answer = answer(&[("WindowsUpdate.log", &line.repeat(40))]);
    assert_eq!(answer.verdict, Verdict::Inconclusive);
    assert_eq!(answer.all.findings[0].rule, "agent_log_not_decoded");
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
        answer(&[("WindowsUpdate.log", line)])
            .failure()
            .logged
            .unwrap()
            .to_string(),
        "2024-05-01 08:00:05"
    );
}

// wusa.

fn wusa(id: u32, record: u32, code: &str, title: &str) -> String {
    let code = if code.is_empty() {
        String::new()
    } else {
        format!("\"ErrorCode\":\"{code}\",\"ErrorString\":\"made up\",")
    };
    format!(
        r#"{{"ts_utc":"2024-05-01T0{record}:00:05.293Z","host":"PC-1","channel":"Setup","provider":"Microsoft-Windows-WUSA","event_id":{id},"record_id":{record},"level":"error","data":{{"CommandLine":"\"wusa.exe\" \"C:\\made up\\windows10.0-kb5000001-x64.msu\" /quiet",{code}"UpdateTitle":"{title}"}}}}"#
    ) + "\n"
}

#[test]
fn an_update_installed_by_hand_is_named_by_its_file_and_its_decimal_is_read() {
    let failed = wusa(3, 1, "2147942512", "");
    check(&[("Setup.jsonl", &failed)], 0x8007_0070, "disk_full", "");
    assert_eq!(
        answer(&[("Setup.jsonl", &failed)]).failure().kb,
        "KB5000001"
    );
    let over = failed + &wusa(2, 2, "", "Update (KB5000001)");
    assert_eq!(answer(&[("Setup.jsonl", &over)]).verdict, Verdict::Healthy);
    // Installed already; not applicable.
    assert_eq!(
        answer(&[("Setup.jsonl", &wusa(3, 1, "2359302", ""))])
            .all
            .findings
            .len(),
        0
    );
    let other = answer(&[("Setup.jsonl", &wusa(3, 1, "2149842967", ""))]);
    assert_eq!(
        (
            other.failures().len(),
            other.all.findings[0].category.as_str()
        ),
        (0, "not_applicable")
    );
}

// Setup and sysprep.

#[test]
fn an_upgrade_names_operation_object_and_image() {
    let gather = errors(
        "SP",
        &[
            r"Error READ, 0x00000570 while gathering/applying object: File, C:\made up\keys [CN]. Will return 0[gle=0x00000570]",
        ],
    ) + &errors(
        "MIG",
        &[
            r"Error 1392 while gathering object C:\made up\keys [CN]. Shell application requested abort![gle=0x00000570]",
        ],
    );
    let operation = errors(
        "SP",
        &[
            "Operation failed: Migrate framework (Full). Error: 0x8007042B[gle=0x000000b7]",
            "Operation execution failed: 13. hr = 0x8007042B[gle=0x000000b7]",
            "CSetupPlatformPrivate::Execute: Execution of operations queue failed, abandoning. Error: 0x8007042B[gle=0x000000b7]",
        ],
    );
    check(
        &[("setuperr.log", &operation)],
        0x8007_042B,
        "upgrade_rollback",
        "Migrate framework (Full)",
    );
    let answer = answer(&[("setuperr.log", &(gather + &operation))]);
    let first = answer.failures()[0];
    assert_eq!(first.root_code, Some(Code::new(0x8007_0570)), "{first:#?}");
    assert_eq!(first.object, r"C:\made up\keys");
    let mount = errors(
        "SP",
        &[
            r"CMountWIM::DoExecute: Failed to mount WIM file C:\made up\winre.wim. Error 0xC1420121[gle=0xc1420121]",
            r"Operation failed: Mount WIM file C:\made up\winre.wim, index 1 to C:\made up\mount. Error: 0xC1420121[gle=0x000000b7]",
        ],
    );
    check(
        &[("setuperr.log", &mount)],
        0xC142_0121,
        "upgrade_rollback",
        r"C:\made up\winre.wim",
    );
}

#[test]
fn both_files_of_setup_tell_one_failure_with_phase_and_operation() {
    let log = record(
        "08:00:04",
        "Info",
        "MOUPG",
        "SetupHost: Reporting error event -> [0xC1900101, 0x20017]",
    ) + &errors(
        "MOUPG",
        &["CSetupHost::Execute(412): Result = 0xC1900101[gle=0x8007000d]"],
    );
    let both = [
        ("setupact.log", log.as_str()),
        (
            "setuperr.log",
            &errors(
                "MOUPG",
                &["CSetupHost::Execute(412): Result = 0xC1900101[gle=0x8007000d]"],
            ),
        ),
    ];
    check(
        &both,
        0xC190_0101,
        "upgrade_rollback",
        "0x20017 (SAFE_OS, BOOT)",
    );
    // A last error beside a result is no cause.
    let alone = errors(
        "MOUPG",
        &[
            "CDlpActionFinalize::ExecuteSetupPlatformFinalize(1192): Result = 0xC1900101[gle=0x8007000d]",
        ],
    );
    check(
        &[("setuperr.log", &alone)],
        0xC190_0101,
        "upgrade_rollback",
        "",
    );
}

#[test]
fn an_operation_that_setup_tried_again_is_no_failure() {
    let failed = errors(
        "SP",
        &["Operation failed: Made-up operation. Error: 0x80040154[gle=0x000000b7]"],
    );
    let log = failed
        + &record(
            "08:00:09",
            "Info",
            "SP",
            "ExecuteOperations: Successfully processed execution phase Downlevel",
        )
        + &record("08:00:09", "Info", "SP", "Made-up record that says nothing").repeat(20);
    let answer = answer(&[("setupact.log", &log)]);
    assert_eq!(
        (answer.verdict, answer.all.findings.len()),
        (Verdict::Healthy, 0),
        "{:#?}",
        answer.all.findings
    );
}

#[test]
fn a_full_disk_is_what_stopped_setup() {
    let log = errors(
        "MOUPG",
        &[
            "CSetupManager::ExecuteInstallMode(794): Result = 0x80070070",
            "CSetupHost::Execute(412): Result = 0x80070070[gle=0x00000002]",
        ],
    );
    let answer = answer(&[("setupact.log", &log)]);
    assert_eq!(answer.verdict, Verdict::Failed);
    assert_eq!(
        answer.failures()[0].category,
        "disk_full",
        "{:#?}",
        answer.failures()
    );
}

#[test]
fn setup_that_hands_over_to_a_newer_copy_has_not_failed() {
    let log = errors(
        "MOUPG",
        &[
            "CDlpActionImpl<class X>::Suspend(1253): Result = 0xC1800104[gle=0x00000002]",
            "CDlpTask::CheckUserInterruptEx(3060): Result = 0x800704D3",
            "CSetupManager::ExecuteInstallMode(794): Result = 0x800705BB",
            "CSetupHost::Execute(412): Result = 0x800705BB",
        ],
    ) + &record(
        "08:00:06",
        "Info",
        "MOUPG",
        "Made-up record that says nothing",
    )
    .repeat(30);
    let answer = answer(&[("setupact.log", &log)]);
    assert_eq!(
        (answer.verdict, answer.all.findings.len()),
        (Verdict::Healthy, 0),
        "{:#?}",
        answer.all.findings
    );
}

#[test]
fn sysprep_names_what_stopped_it() {
    let halted = |code: &str| {
        format!(
            "RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep execution. dwRet = {code}"
        )
    };
    let bitlocker = errors(
        "SYSPRP",
        &[
            "BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run Sysprep. (0x80310039)",
            &halted("0x80310039"),
        ],
    );
    check(
        &[("setupact.log", &bitlocker)],
        0x8031_0039,
        "not_servicing",
        "",
    );
    let step = errors(
        "SYSPRP",
        &[
            "ActionPlatform::LaunchModule: Failure occurred while executing 'MadeUpStep' from C:\\Windows\\System32\\madeup.dll; dwRet = 0x5",
            &halted("0x5"),
        ],
    );
    check(
        &[("setupact.log", &step)],
        0x8007_0005,
        "not_servicing",
        "MadeUpStep",
    );
    let two = errors(
        "SYSPRP",
        &[
            &format!(
                "Package {APP} was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image."
            ),
            "Package Another.App_2.0.0.0_neutral__8wekyb3d8bbwe was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.",
            "WinMain:Hit failure while pre-validate sysprep generalize internal providers; hr = 0x80073cf2",
        ],
    );
    check(&[("setupact.log", &two)], 0x8007_3CF2, "not_servicing", APP);
    check(
        &[("setupact.log", &two)],
        0x8007_3CF2,
        "not_servicing",
        "Another.App_2.0.0.0",
    );
}

// Objects.

#[test]
fn a_missing_file_is_of_the_package_that_was_being_staged() {
    let package = |number: u32| format!("Package_for_KB{number}~31bf3856ad364e35~amd64~~1.1.1.1");
    let log = record(
        "08:00:00",
        "Info",
        "CBS",
        &format!(
            "Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31102345_1, Package: {}, Identifier: KB5000001",
            package(5_000_001)
        ),
    ) + &record(
        "08:00:01",
        "Info",
        "CBS",
        &format!(
            "Exec: Staging Package: {}, Update: made-up, PinDeployment: x",
            package(5_000_002)
        ),
    ) + &record(
        "08:00:02",
        "Info",
        "CBS",
        r"Failed to find file: amd64_made-up_31bf3856ad364e35_10.0.1.1_none_0123456789abcdef\made-up.dll [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]",
    ) + &record(
        "08:00:03",
        "Info",
        "CBS",
        &format!(
            "Exec: Processing complete.  Session: 31102345_1, Package: {}, Identifier: KB5000001 [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]",
            package(5_000_001)
        ),
    );
    let answer = answer(&[("CBS.log", &log)]);
    let finding = answer.failure();
    assert_eq!(
        (finding.kb.as_str(), &finding.package),
        ("KB5000002", &package(5_000_002))
    );
    assert!(finding.object.ends_with("made-up.dll"));
    assert_eq!(answer.all.attempts[0].kb, "KB5000001");
}

#[test]
fn a_generic_command_is_named_by_its_executable() {
    let log = record(
        "08:00:01",
        "Info",
        "CSI",
        r#"00000040 Calling generic command executable (sequence 4): [29]"C:\Windows\System32\made-up.exe""#,
    ) + &record(
        "08:00:05",
        "Error",
        "CSI",
        "00000043 (F) Failed execution of queue item Installer: Generic Command ({81a34a10-4256-436a-89d6-794b97ca407c}) with HRESULT HRESULT_FROM_WIN32(14109).  Failure will not be ignored: A rollback will be initiated[gle=0x80004005]",
    );
    check(
        &[("CBS.log", &log)],
        0x8007_371D,
        "advanced_installer_failed",
        r"C:\Windows\System32\made-up.exe",
    );
}

#[test]
fn every_object_of_a_failure_is_kept() {
    let corrupt = |number: u32| {
        record(
            "08:00:02",
            "Error",
            "CSI",
            &format!(
                "0000000{number}@2024/5/1:08:00:02.100 (F) STATUS_FILE_CORRUPT_ERROR #{number}# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(oa = @0x1->OBJECT_ATTRIBUTES {{s:48; rd:NULL; on:[18]'\\??\\C:\\Made Up {number}'; a:(OBJ_CASE_INSENSITIVE)}})[gle=0xd0000102]"
            ),
        )
    };
    let log = record(
        "08:00:00",
        "Info",
        "CBS",
        "Exec: Processing started.  Client: DISM, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001",
    ) + &corrupt(1)
        + &corrupt(2)
        + &record(
            "08:00:03",
            "Info",
            "CBS",
            "Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001 [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]",
        );
    assert_eq!(
        answer(&[("CBS.log", &log)]).failure().object,
        r"C:\Made Up 1; C:\Made Up 2"
    );
}

#[test]
fn a_machine_without_the_licence_is_told_so() {
    let log = record(
        "08:00:01",
        "Info",
        "CSI",
        "00000007 ESU: not Eligible:HRESULT_FROM_WIN32(1605)",
    ) + &record(
        "08:00:05",
        "Error",
        "CSI",
        "00000008 (F) Failed execution of queue item Installer: Extended Security Updates AI installer ({81a34a10-4256-436a-89d6-794b97ca407c}) with HRESULT HRESULT_FROM_WIN32(1605).  Failure will not be ignored: A rollback will be initiated[gle=0x80004005]",
    );
    let answer = answer(&[("CBS.log", &log)]);
    assert!(
        answer
            .failures()
            .iter()
            .any(|finding| finding.category == "licence"),
        "{:#?}",
        answer.failures()
    );
}
