//! Forms that people copy, from file to answer. All values are made up.

use super::*;
use parse::facts::FactsForm;

fn answer(name: &str, text: &str) -> Scan {
    scan_of(&[(name, text.to_owned())], &STEPS)
}

/// Root codes or terminal codes, and categories, of findings above `info`.
fn findings(scan: &Scan) -> Vec<(String, String)> {
    let mut found: Vec<_> = scan
        .derived
        .findings
        .iter()
        .filter(|one| one.severity > Severity::Info)
        .map(|one| {
            let code = one.code();
            let code = code.map(|code| code.to_string()).unwrap_or_default();
            (code, one.category.clone())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn an_event_that_is_half_understood_keeps_the_verdict_from_being_healthy() {
    let good = r#"{"EventID":19,"ProviderName":"Microsoft-Windows-WindowsUpdateClient","TimeCreated":"2024-03-05T08:12:01Z","Channel":"System"}"#;
    let half = r#"{"EventID":20,"TimeCreated":"2024-03-05T08:13:01Z","Channel":"System"}"#;
    let scan = answer("events.json", &format!("{good}\n{half}\n"));
    assert_eq!(
        (scan.verdict, scan.half_read(), scan.inputs[0].records),
        (Verdict::Inconclusive, 1, 1)
    );
    let answer_json = json(&scan);
    assert_eq!(answer_json["inputs"][0]["half_read"], 1);
    for (language, words) in [
        (Language::English, "1 event not understood"),
        (Language::Chinese, "1 个事件未能读懂"),
    ] {
        let view = report::view(Rules::shipped(), &scan, language, None, true);
        let text = report::markdown(&view);
        assert!(text.contains(words), "{text}");
    }
    let whole = answer("events.json", &format!("{good}\n"));
    assert_eq!(whole.half_read(), 0);
    assert!(json(&whole)["inputs"][0].get("half_read").is_none());
}

#[test]
fn a_copied_event_is_a_failure_in_every_form() {
    let message = "Installation Failure: Windows failed to install the following update with error 0x80070002: Made-up Update (KB5000001).";
    for text in [
        // A day that may be a month makes no time, and a failure all the same.
        format!(
            "Log Name: System\nSource: Microsoft-Windows-WindowsUpdateClient\nDate: 3/5/2024 09:12:01\nEvent ID: 20\nLevel: Error\nComputer: PC-1\nDescription:\n{message}\n"
        ),
        format!(
            "Log Name: System\nSource: WindowsUpdateClient\nDate: 2024-03-05 09:12:01\nEvent ID: 20\nLevel: Error\nDescription:\n{message}\n"
        ),
        format!(
            "[{{\"TimeCreated\":\"\\/Date(1709629921000)\\/\",\"ProviderName\":\"Microsoft-Windows-WindowsUpdateClient\",\"Id\":20,\"Message\":\"{message}\"}}]\n"
        ),
    ] {
        let scan = answer("copied.txt", &text);
        assert_eq!(scan.verdict, Verdict::Failed, "{text}");
        assert_eq!(
            findings(&scan)
                .iter()
                .map(|(code, _)| code.as_str())
                .collect::<Vec<_>>(),
            ["0x80070002"],
            "{text}"
        );
        assert!(
            scan.events.values().any(|event| event.kb == "KB5000001"),
            "{text}"
        );
    }
}

#[test]
fn failures_of_configmgr_are_named() {
    let record = |text: &str, component: &str, kind: u8| {
        format!(
            "<![LOG[{text}]LOG]!><time=\"09:12:01.123-480\" date=\"03-05-2024\" component=\"{component}\" context=\"\" type=\"{kind}\" thread=\"4242\" file=\"x.cpp:1\">\r\n"
        )
    };
    let quiet = record("Its a WSUS Update Source type, adding it.", "WUAHandler", 1);
    for (text, component, code, category) in [
        (
            "OnSearchComplete - Failed to end search job. Error = 0x80244022.",
            "WUAHandler",
            "0x80244022",
            None,
        ),
        (
            "Group policy settings were overwritten by a higher authority (Domain Controller) to: Server http://wsus.example.test:8530 and Policy ENABLED",
            "WUAHandler",
            "",
            Some("wsus_policy"),
        ),
        (
            "The number of discovered DPs(including Branch DP and Multicast) is 0",
            "CAS",
            "",
            Some("fod_content_not_found"),
        ),
        (
            "Job error (0x80070643) received for assignment ({00000000-0000-0000-0000-000000000001}) action",
            "UpdatesDeploymentAgent",
            "0x80070643",
            None,
        ),
    ] {
        let scan = answer(
            "WUAHandler.log",
            &format!("{quiet}{}{quiet}", record(text, component, 3)),
        );
        assert_eq!(scan.inputs[0].source, Some(Source::Configmgr));
        assert_eq!(
            (scan.verdict, scan.inputs[0].records),
            (Verdict::Failed, 3),
            "{text}"
        );
        let found = findings(&scan);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].0, code, "{text}");
        assert!(
            category.is_none_or(|category| found[0].1 == category),
            "{found:?}"
        );
    }
    assert!(findings(&answer("WUAHandler.log", &quiet.repeat(9))).is_empty());
}

#[test]
fn a_log_of_everything_else_makes_nothing_healthy() {
    let record = "<![LOG[Made up, and no word of updates.]LOG]!><time=\"09:12:01.123\" date=\"3-5-2024\" component=\"IntuneManagementExtension\" context=\"\" type=\"1\" thread=\"4\" file=\"\">\r\n";
    let scan = answer("IntuneManagementExtension.log", &record.repeat(40));
    assert_eq!(
        (scan.inputs[0].source, scan.inputs[0].records),
        (Some(Source::Intune), 40)
    );
    assert_eq!(scan.verdict, Verdict::Inconclusive);
}

#[test]
fn what_a_console_showed_is_read_in_both_languages() {
    for (text, code, category) in [
        (
            "Deployment Image Servicing and Management tool\r\nVersion: 10.0.1\r\n\r\nImage Version: 10.0.2\r\n\r\nError: 0x800f081f\r\n\r\nThe source files could not be found.\r\n",
            "0x800f081f",
            "repair_source_missing",
        ),
        (
            "部署映像服务和管理工具\r\n版本: 10.0.1\r\n\r\n错误: 0x800f081f\r\n\r\n找不到源文件。\r\n",
            "0x800f081f",
            "repair_source_missing",
        ),
        (
            "Deployment Image Servicing and Management tool\r\nVersion: 10.0.1\r\n\r\nThe component store is repairable.\r\nThe operation completed successfully.\r\n",
            "",
            "component_store_corrupt",
        ),
        (
            "部署映像服务和管理工具\r\n版本: 10.0.1\r\n\r\n可以修复组件存储。\r\n操作成功完成。\r\n",
            "",
            "component_store_corrupt",
        ),
        (
            "Windows 资源保护找到了损坏文件，但其中有一些文件无法修复。\r\n",
            "",
            "sfc_unrepairable",
        ),
    ] {
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("a.txt", text.as_bytes()), ("b.txt", &utf16)] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            let scan = scan_with(
                Rules::shipped(),
                Where::named(&[path]),
                Some("e"),
                &Progress::new(true),
                &STEPS,
            );
            assert_eq!(scan.verdict, Verdict::Failed, "{name}: {text}");
            assert_eq!(
                findings(&scan),
                [(code.to_owned(), category.to_owned())],
                "{name}: {text}"
            );
        }
    }
    let clean = "Beginning system scan.  This process will take some time.\r\n\r\nWindows Resource Protection did not find any integrity violations.\r\n";
    assert!(findings(&answer("sfc.txt", clean)).is_empty());
}

#[test]
fn setupdiag_names_code_phase_and_package_in_each_of_its_forms() {
    let details = r"Err = 0x800736CC, ExtendedCode = 0x20003, LastOperation = Add [6] package C:\$WINDOWS.~BT\Made-Up-Package~31bf3856ad364e35~amd64~~.cab to C:\$WINDOWS.~BT\NewOS, LastPhase = Safe OS";
    for text in [
        format!(
            "<?xml version=\"1.0\"?>\r\n<SetupDiag>\r\n<ProfileName>MadeUp</ProfileName><FailureDetails>{details}</FailureDetails></SetupDiag>\r\n"
        ),
        format!(
            "{{\"ProfileName\":\"MadeUp\",\"FailureDetails\":\"{}\"}}",
            details.replace('\\', "\\\\")
        ),
        format!(
            "Matching Profile found: MadeUp - 00000000-0000-0000-0000-000000000001\r\nSystem Information:\r\n    Machine Name = PC-1\r\n{details}\r\n"
        ),
    ] {
        let scan = answer("SetupDiagResults.txt", &text);
        assert_eq!(scan.verdict, Verdict::Failed, "{text}");
        assert_eq!(
            findings(&scan),
            [(
                "0x800736cc".to_owned(),
                "component_store_corrupt".to_owned()
            )],
            "{text}"
        );
        assert!(
            scan.derived
                .findings
                .iter()
                .any(|one| one.object.contains("Made-Up-Package")),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_log_is_inconclusive_with_its_name() {
    for (text, form) in [
        (
            "Host Name:  PC-1\r\nOS Name:  Microsoft Windows 10 Pro\r\nOS Version:  10.0.19045\r\n",
            FactsForm::SystemInfo,
        ),
        (
            "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n\"1\",\"TiWorker.exe\",\"2\",\"CreateFile\",\"C:\\x\",\"ACCESS DENIED\",\"\"\r\n",
            FactsForm::ProcessMonitor,
        ),
    ] {
        let scan = answer("x.txt", text);
        assert_eq!(scan.verdict, Verdict::Inconclusive);
        let facts = scan.inputs[0].facts.as_ref();
        assert_eq!(facts.map(|facts| facts.form), Some(form));
    }
}
