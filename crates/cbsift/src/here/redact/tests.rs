//! What is replaced and what is left. All names are made up.

use super::*;

fn redactor() -> Redactor {
    Redactor::new([7; KEY_BYTES])
}

/// Redacts a text after it was learned from, as a bundle does.
fn redacted(text: &str) -> (String, Redactor) {
    let mut redactor = redactor();
    redactor.learn_from(text);
    let out = redactor.redact(text);
    (out, redactor)
}

/// What was replaced and still stands in a text.
fn leaked(text: &str, map: &BTreeMap<String, String>) -> Vec<String> {
    let text = text.to_lowercase();
    let names = map.values().filter(|name| name.len() > 3);
    names
        .filter(|name| text.contains(&name.to_lowercase()))
        .cloned()
        .collect()
}

#[test]
fn names_of_people_and_machines_leave_as_pseudonyms() {
    for (text, names) in [
        (
            r"C:\Users\wang.xiaoming\AppData\x.log and wang.xiaoming again",
            &["wang.xiaoming"][..],
        ),
        (r"C:\Users\王小明\x and 王小明", &["王小明"]),
        (
            "owner S-1-5-21-1004336348-1177238915-682003330-512 denied",
            &["S-1-5-21-1004336348"],
        ),
        (
            "from 10.20.30.40 and [fe80::1c2d:3e4f] and 00-1A-2B-3C-4D-5E",
            &["10.20.30.40", "fe80::", "00-1A-2B"],
        ),
        (
            "http://wsus01.bank.example:8530/x then wsus01 and x.bank.example",
            &["wsus01", "bank.example"],
        ),
        (
            r"\\fileserver7\share$\update.msu from FILESERVER7",
            &["fileserver7", "FILESERVER7"],
        ),
        (
            "ask li.na@bank.example or 13912345678 or +86 10-6655 4433",
            &["li.na", "13912345678", "6655"],
        ),
        (
            r#"{"Computer":"PC-0042.corp.example","x":"pc-0042"}"#,
            &["PC-0042", "pc-0042", "corp.example"],
        ),
        // Chinese sets no blanks, and its names are short.
        (
            r"C:\Users\王伟\x 用户王伟登录，手机13912345678，地址10.20.30.40",
            &["王伟", "13912345678", "10.20.30.40"],
        ),
        (
            r"C:\Users\zhang.wei failed, then zhang.wei_backup",
            &["zhang.wei"],
        ),
        (r"C:\Users\Li Na\x of Li Na", &["Li Na"]),
        (r"C:\Users\00123456\x, user 00123456", &["00123456"]),
        (
            "server 10.20.30.41 and 10.20.30.42-10.20.30.43, fe80::1c2d: down",
            &["10.20.30.41", "10.20.30.42", "10.20.30.43", "1c2d"],
        ),
        (
            r"\\?\UNC\filer_09\share\x and FILER_09",
            &["filer_09", "FILER_09"],
        ),
        (
            "Proxy Server(s) :  proxy.bank.example:8080",
            &["proxy.bank.example"],
        ),
    ] {
        let (out, redactor) = redacted(text);
        for name in names {
            assert!(!out.contains(name), "{name} in {out}");
        }
        assert!(
            !redactor.map().is_empty() && leaked(&out, redactor.map()).is_empty(),
            "{out}"
        );
    }
}

#[test]
fn what_a_finding_needs_is_left_as_it_is() {
    for text in [
        "Package_for_KB5000001~31bf3856ad364e35~amd64~~6.1.1.7",
        "Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1.1.1 version 10.0.1.2, build 6.1.2.3",
        "2024-05-06 10:20:31, Error CSI 0000a003@2024/5/6:02:20:31.250 (F) onecore\\base\\wcp\\sil\\ntsystem.cpp(2987)",
        "Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile 0x80070005 [gle=0xd0000102]",
        r"C:\Windows\WinSxS\amd64_microsoft-windows-x_31bf3856ad364e35_10.0.19041.1_none_0011223344556677",
        "https://fe2.update.microsoft.com/v6/ClientWebService S-1-5-18 NT AUTHORITY\\SYSTEM 127.0.0.1",
        r"HRESULT 0x80070005 of C:\Users\All Users\x failed with 0x80070005, all of it",
        r"C:\Users\Public\x C:\Users\Default\y C:\Users\Administrator\z",
        "30927538_1234567890 session 12345678901234",
    ] {
        assert_eq!(redacted(text).0, text);
    }
}

#[test]
fn pseudonyms_are_the_same_for_one_key_and_others_for_another() {
    let text = r"C:\Users\Zhao.Lei\a, C:\USERS\ZHAO.LEI\b";
    let (out, redactor) = redacted(text);
    assert_eq!(redactor.map().len(), 1, "{out}");
    assert_eq!(redactor.counts(), BTreeMap::from([("user", 1)]));
    let mut other = Redactor::new([8; KEY_BYTES]);
    other.learn_from(text);
    assert_ne!(other.redact(text), out);
}

#[test]
fn a_key_is_made_once_and_a_map_grows() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = Keeper::at(Some(&folder.path().join("new"))).unwrap();
    assert_eq!(keeper.key().unwrap(), keeper.key().unwrap());
    let one = |name: &str| BTreeMap::from([(format!("user-{name}"), name.to_owned())]);
    keeper.keep(&one("a")).unwrap();
    let path = keeper.keep(&one("b")).unwrap();
    let kept: BTreeMap<String, String> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(kept.len(), 2);
    fs::write(folder.path().join("new/redaction.key"), "short").unwrap();
    assert!(keeper.key().is_err());
}

#[test]
fn event_logs_leave_by_provider_and_id_and_never_security() {
    let event =
        |channel: &'static str, provider: &'static str, event_id| parse::event_json::WindowsEvent {
            channel: channel.into(),
            provider: provider.into(),
            event_id,
            ..Default::default()
        };
    for (channel, provider, id, is_allowed) in [
        ("System", "Microsoft-Windows-WindowsUpdateClient", 20, true),
        ("Setup", "Microsoft-Windows-Servicing", 3, true),
        ("System", "disk", 7, true),
        ("System", "disk", 9, false),
        ("Security", "Microsoft-Windows-Servicing", 3, false),
        (
            "Security",
            "Microsoft-Windows-Security-Auditing",
            4624,
            false,
        ),
        ("System", "User32", 1074, false),
        ("Application", "Windows Error Reporting", 1001, false),
    ] {
        assert_eq!(
            allowed(&event(channel, provider, id)),
            is_allowed,
            "{channel} {provider} {id}"
        );
    }
}
