//! A planted Windows: logs of a failure, a rotated cabinet, event logs as text, and names of people that must not leave. All of it is made up.

use crate::fixtures::CUT_RECORD;
use std::io::Write;
use std::path::Path;

/// What names somebody in the planted logs.
pub(crate) const CANARIES: &[&str] = &[
    "zhang.wei7",
    "李晓华",
    "S-1-5-21-1004336348-1177238915-682003330-1104",
    "10.66.77.88",
    "wsus-canary01",
    "canary-bank.example",
    "PC-CANARY42",
    "fileserver-canary",
    "13912345678",
    "zhang.wei7@canary-bank.example",
];

/// More lines of CBS.log, in which all of them stand.
const LINES: &str = "\
2024-05-06 10:20:32, Info                  CBS    Opening C:\\Users\\zhang.wei7\\AppData\\Local\\Temp\\x.msu for zhang.wei7, profile C:\\Users\\李晓华\\Downloads\r
2024-05-06 10:20:32, Info                  CBS    Owner S-1-5-21-1004336348-1177238915-682003330-1104 from 10.66.77.88, http://wsus-canary01.canary-bank.example:8530/Content\r
2024-05-06 10:20:32, Info                  CBS    Computer: PC-CANARY42.canary-bank.example, source \\\\fileserver-canary\\updates$\\x.msu, ask zhang.wei7@canary-bank.example or 13912345678\r
2024-05-06 10:20:33, Info                  CBS    李晓华 on pc-canary42 and FILESERVER-CANARY again\r
";

/// A rotated part, older and without a failure.
const ROTATED: &str = "\
2024-05-01 08:00:00, Info                  CBS    Session: 31104000_100 initialized by client WindowsUpdateAgent.\r
2024-05-01 08:00:05, Info                  CBS    Exec: Processing complete.  Session: 31104000_100, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~19041.1.1.1 [HRESULT = 0x00000000 - S_OK]\r
";

/// Writes the tree; the volume it stands for is the folder.
pub(crate) fn plant(volume: &Path) {
    let write = |name: &str, bytes: &[u8]| {
        let path = volume.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    // So that it passes for a whole Windows, of which what a finding names can be expected.
    write("Windows/System32/ntoskrnl.exe", b"made up");
    write("ProgramData/Printers/made-up.txt", b"made up");
    write(
        "Windows/Logs/CBS/CBS.log",
        (CUT_RECORD.to_owned() + LINES).as_bytes(),
    );
    write(
        "Windows/Logs/CBS/CbsPersist_20240501080010.cab",
        &cabinet("CbsPersist_20240501080010.log", ROTATED.as_bytes()),
    );
    write(
        "Windows/Panther/UnattendGC/setupact.log",
        b"2024-05-01 08:00:00, Info                  SYSPRP made up\r\n",
    );
    write("Windows/WinSxS/pending.xml", b"<made-up/>");
    write(
        "ProgramData/USOShared/Logs/UpdateSessionOrchestration.001.etl",
        b"\0\0\0\0made up zhang.wei7",
    );
    write(
        "Windows/System32/winevt/Logs/Security.evtx",
        b"ElfFile\0made up zhang.wei7",
    );
    let event = r#"{"ts_utc":"2024-05-06T02:20:40.000Z","host":"PC-CANARY42.canary-bank.example","channel":"System","provider":"Microsoft-Windows-WindowsUpdateClient","event_id":20,"record_id":7,"level":"error","data":{"errorCode":"0x80070570","updateTitle":"2024-05 Made-up update (KB5000001)","user":"zhang.wei7"}}"#;
    let logon = r#"{"ts_utc":"2024-05-06T02:20:41.000Z","host":"PC-CANARY42","channel":"System","provider":"User32","event_id":1074,"record_id":8,"level":"information","data":{"param7":"CANARY\\zhang.wei7"}}"#;
    write(
        "Windows/CCM/Logs/System.jsonl",
        format!("{event}\n{logon}\n").as_bytes(),
    );
}

/// A cabinet of one file.
pub(crate) fn cabinet(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut builder = cab::CabinetBuilder::new();
    builder
        .add_folder(cab::CompressionType::MsZip)
        .add_file(name);
    let mut writer = builder.build(std::io::Cursor::new(Vec::new())).unwrap();
    writer
        .next_file()
        .unwrap()
        .unwrap()
        .write_all(bytes)
        .unwrap();
    writer.finish().unwrap().into_inner()
}
