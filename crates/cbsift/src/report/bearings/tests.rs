//! That each row names what exists, and says its own in both languages. All values are made up.

use super::*;
use classify::Rules;
use std::collections::BTreeSet;

#[test]
fn every_category_and_rule_that_is_named_exists() {
    let rules = Rules::shipped();
    let categories: BTreeSet<&str> = rules.iter().map(|rule| rule.category.as_str()).collect();
    for bearing in BEARINGS {
        assert!(!bearing.categories.is_empty() || !bearing.rules.is_empty());
        for category in bearing.categories {
            assert!(categories.contains(category), "{category}");
        }
        for rule in bearing.rules {
            assert!(rules.get(rule).is_some(), "{rule}");
        }
    }
    for category in PROVEN {
        assert!(categories.contains(category), "{category}");
    }
    for key in PROOF {
        assert_ne!(
            classify::reason_text(key).en,
            key.replace('_', " "),
            "{key}"
        );
    }
}

/// Facts as a file tells them: the values of the registry's policies, and what tools print.
fn facts(text: &str) -> MachineFacts {
    let form = parse::detect("x.txt", text.as_bytes()).facts.expect(text);
    let mut reader = parse::facts::FactsReader::new(form, event::TextEncoding::Utf8, &[]);
    reader.push(text.as_bytes());
    MachineFacts::of(&reader.finish().facts)
}

fn policy(values: &str) -> String {
    let mut text = "Windows Registry Editor Version 5.00\n".to_owned();
    for key in [
        r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate",
        r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU",
        r"SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Servicing",
    ] {
        // A value under a key that is not its own tells nothing.
        text += &format!("[HKEY_LOCAL_MACHINE\\{key}]\n{values}\n");
    }
    text
}

fn said(category: &str, rule: &str, facts: &MachineFacts) -> [String; 2] {
    let finding = Finding {
        rule: rule.to_owned(),
        category: category.to_owned(),
        severity: Severity::Error,
        ..finding()
    };
    [Language::English, Language::Chinese]
        .map(|language| steps(&finding, facts, language).join("\n"))
}

fn finding() -> Finding {
    Finding {
        id: event::EventId(0),
        rule: String::new(),
        category: String::new(),
        severity: Severity::Info,
        root_code: None,
        terminal_code: None,
        object: String::new(),
        kb: String::new(),
        package: String::new(),
        component: String::new(),
        logged: None,
        utc: None,
        confidence: 0,
        reasons: Vec::new(),
        count: 1,
        evidence: Vec::new(),
    }
}

#[test]
fn each_fact_says_its_own_in_both_languages_and_no_more() {
    const SERVER: &str = "\"UseWUServer\"=dword:1\n\"WUServer\"=\"http://wsus.example.test/\"\n";
    let with = |more: &str| facts(&policy(&format!("{SERVER}{more}")));
    let proxy =
        "Current WinHTTP proxy settings:\n\n    Proxy Server(s) :  proxy.example.test:8080\n";
    for (category, rule, facts, words) in [
        (
            "repair_source_missing",
            "",
            with(""),
            [
                "update server http://wsus.example.test/ (UseWUServer = 1)",
                "更新服务器 http://wsus.example.test/",
            ],
        ),
        (
            "network",
            "",
            with(""),
            [
                "http://wsus.example.test/ClientWebService/client.asmx answers",
                "http://wsus.example.test/ClientWebService/client.asmx 是否应答",
            ],
        ),
        (
            "unclassified",
            "event_check_failed",
            with(""),
            ["client.asmx answers", "是否应答"],
        ),
        (
            "network",
            "",
            with(
                "\"UseUpdateClassPolicySource\"=dword:1\n\"SetPolicyDrivenUpdateSourceForQualityUpdates\"=dword:0\n",
            ),
            [
                "takes quality updates from Windows Update",
                "质量更新取自 Windows 更新",
            ],
        ),
        (
            "fod_content_not_found",
            "",
            with("\"RepairContentServerSource\"=dword:2\n"),
            [
                "from Windows Update instead of http://wsus.example.test/",
                "取自 Windows 更新而非",
            ],
        ),
        (
            "fod_content_not_found",
            "",
            with("\"LocalSourcePath\"=\"\\\\\\\\srv\\\\sxs\"\n"),
            [r"the source \\srv\sxs", r"来源 \\srv\sxs"],
        ),
        (
            "fod_content_not_found",
            "",
            with("\"UseWindowsUpdate\"=dword:2\n"),
            ["(UseWindowsUpdate = 2)", "（UseWindowsUpdate = 2）"],
        ),
        (
            "wsus_policy",
            "updates_disabled_by_policy",
            with("\"DisableWindowsUpdateAccess\"=dword:1\n"),
            [
                "set to 1 on this PC: DisableWindowsUpdateAccess",
                "本机已设为 1：DisableWindowsUpdateAccess",
            ],
        ),
        (
            "wsus_policy",
            "code_redirector_policy",
            with("\"DoNotConnectToWindowsUpdateInternetLocations\"=dword:1\n"),
            [
                "keeps this PC from Windows Update on the internet",
                "禁止连接互联网上的 Windows 更新",
            ],
        ),
        (
            "wsus_policy",
            "code_no_wsus_server",
            facts(&policy("\"UseWUServer\"=dword:1\n")),
            ["name no server", "没有服务器地址"],
        ),
        (
            "network",
            "",
            facts(proxy),
            [
                "the proxy proxy.example.test:8080",
                "代理 proxy.example.test:8080",
            ],
        ),
    ] {
        let said = said(category, rule, &facts);
        for (said, words) in said.iter().zip(words) {
            assert!(
                said.contains(words),
                "{category} {rule}: {words} not in {said}"
            );
        }
        let info = Finding {
            category: category.to_owned(),
            rule: rule.to_owned(),
            ..finding()
        };
        assert!(
            steps(&info, &facts, Language::English).is_empty(),
            "no failure"
        );
    }
    for (category, facts) in [
        ("disk_full", with("")),
        (
            "network",
            facts(&policy("\"WUServer\"=\"http://wsus.example.test\"\n")),
        ),
        ("network", MachineFacts::default()),
    ] {
        assert_eq!(said(category, "", &facts), ["", ""], "{category}");
    }
}
