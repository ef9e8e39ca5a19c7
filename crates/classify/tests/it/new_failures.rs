//! Failures that no rule knows: other names, codes, parts and wordings, in ordinary surroundings. None may pass for health.
//!
//! The wordings are this file's own; what is tested does not read them.

use crate::pc::{Random, judge};
use classify::Verdict;
use simulate::{Fleet, produce};

const SEED: u64 = 1_128;
const CASES: usize = 10_000;

const DOES: [&str; 12] = [
    "commit",
    "resolve",
    "pin",
    "uplevel",
    "enumerate",
    "hydrate",
    "marshal",
    "stage",
    "re-evaluate",
    "seal",
    "project",
    "migrate",
];
const PARTS: [&str; 12] = [
    "the frobnication table",
    "delta basis",
    "sideband catalogue",
    "owner chain",
    "transient image",
    "key of the payload",
    "job token",
    "closure set",
    "volume shadow",
    "policy blob",
    "部署清单",
    "Gerätestapel",
];
const FUNCTIONS: [&str; 6] = [
    "Windows::Made::Up::CStore::Fold",
    "CMadeUpPlan::Advance",
    "Made::CUp::Resolve",
    "RtlMadeUpQuery",
    "CWobbleSink::Drain",
    "Inner_Frobnicate",
];
const FACILITIES: [u32; 9] = [
    0x8007_0000,
    0x800F_0000,
    0x8024_0000,
    0x8009_0000,
    0x8001_0000,
    0x8004_0000,
    0xC000_0000,
    0xC190_0000,
    0x80D0_0000,
];

struct Log {
    name: &'static str,
    /// Lines before and after what failed.
    ordinary: Vec<String>,
}

#[test]
fn ten_thousand_failures_that_no_rule_knows_are_never_health() {
    let surroundings = surroundings();
    let mut random = Random(SEED);
    let mut counts = [0_usize; 2];
    for case in 0..CASES {
        let (kind, failing) = failure(&mut random);
        let log = surroundings.iter().find(|log| log.name == kind).unwrap();
        let text = around(log, &failing, &mut random);
        let judged = judge(&[(log.name, &text)]);
        match judged.verdict {
            Verdict::Failed => counts[0] += 1,
            Verdict::Inconclusive => counts[1] += 1,
            other => panic!("seed {SEED}, case {case}: {other:?} over\n{failing}"),
        }
    }
    let [failed, inconclusive] = counts;
    println!(
        "seed {SEED}: {CASES} new failures, {failed} failed, {inconclusive} inconclusive, 0 healthy"
    );
}

/// Ordinary lines of each kind of log.
fn surroundings() -> Vec<Log> {
    let fleet = Fleet::new(SEED, 40);
    let quiet = fleet
        .plans()
        .find(|plan| plan.scenarios.is_empty())
        .unwrap();
    let (logs, _) = produce(&quiet);
    let cbs = String::from_utf8(logs[0].bytes.clone()).unwrap();
    let lines = |text: &str| text.lines().take(400).map(str::to_owned).collect();
    vec![
        Log { name: "CBS.log", ordinary: lines(&cbs) },
        Log {
            name: "dism.log",
            ordinary: (0..60)
                .map(|second| format!("2025-06-20 10:00:{second:02}, Info                  DISM   DISM Manager: PID=100 TID=200 Loading Provider from location C:\\Windows\\made{second}.dll - CDISMProviderStore::GetProvider"))
                .collect(),
        },
        Log {
            name: "setupact.log",
            ordinary: (0..60)
                .map(|second| format!("2025-06-20 10:00:{second:02}, Info                  SYSPRP RunDlls: Executing made-up step {second}"))
                .collect(),
        },
        Log {
            name: "WindowsUpdate.log",
            ordinary: (0..60)
                .map(|second| format!("2025-06-20\t10:00:{second:02}:123\t 900\t12c4\tAgent\t  * Made-up step {second} of a search"))
                .collect(),
        },
    ]
}

/// One failure and the log it stands in.
fn failure(random: &mut Random) -> (&'static str, String) {
    let code = FACILITIES[random.below(FACILITIES.len())]
        | u32::try_from(0x100 + random.below(0xFE00)).unwrap();
    let (does, part, function) = (
        random.pick(&DOES),
        random.pick(&PARTS),
        random.pick(&FUNCTIONS),
    );
    let number = random.below(1_000_000);
    let package = format!(
        "Package_for_MadeUp{number}~31bf3856ad364e35~amd64~~10.0.{}.1",
        random.below(9_999)
    );
    let session = format!("3{:07}_{number}", random.below(9_999_999));
    let spelled = match random.below(3) {
        0 => format!("[HRESULT = 0x{code:08x}]"),
        1 => format!("[HRESULT = 0x{code:08x} - MADE_UP_E_{number}]"),
        _ => format!("[HRESULT = 0x{code:08X} - Unknown Error]"),
    };
    let head =
        |level: &str, component: &str| format!("2025-06-30 23:58:00, {level:<22}{component:<7}");
    let info = |text: String| ("CBS.log", head("Info", "CBS") + &text);
    let error = |text: String| ("CBS.log", head("Error", "CBS") + &text);
    match random.below(16) {
        0 => error(format!("Failed to {does} {part} {spelled}")),
        1 => error(format!(
            "{part}: {does} was refused by {function} {spelled}"
        )),
        2 => (
            "CBS.log",
            head("Error", "CSI")
                + &format!(
                    "{number:08x} (F) HRESULT_FROM_WIN32({}) #{number}# from {function}(flags = 0)[gle=0x80004005]",
                    1 + random.below(15_000)
                ),
        ),
        3 => (
            "CBS.log",
            head("Error", "CSI")
                + &format!(
                    "{number:08x} (F) {code:08x} [Error,Facility=FACILITY_MADEUP,Code={number}] originated in function {function} expression: p->{does}()\n[gle=0x80004005]"
                ),
        ),
        4 => info(format!(
            "Session: {session} finalized. Reboot required: no {spelled}"
        )),
        5 => info(format!(
            "Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: Made Up {number} {spelled}"
        )),
        6 => info(format!("Startup: Failed to {does} {part} {spelled}")),
        7 => info(format!(
            "Doqi: Failed to {does} {part} in phase {} {spelled}",
            random.below(9)
        )),
        8 => info(format!(
            "Startup: Package: {package} completed startup processing, new state: Staged, original: Staged, targeted: Installed.  hr = 0x{code:08x}"
        )),
        9 => (
            "dism.log",
            head("Error", "DISM")
                + &format!(
                    "DISM Made Up Provider: PID=100 TID=200 {function} could not {does} {part}. - CMadeUp::ExecuteCmdLine(hr:0x{code:08x})"
                ),
        ),
        10 => (
            "dism.log",
            head("Error", "DISM")
                + &format!(
                    "API: PID=100 TID=200 {function} internal execution failed - CCommand::{function}(hr:0x{code:08x})"
                ),
        ),
        11 => (
            "setupact.log",
            head("Error", "SYSPRP")
                + &format!("{function}: failed to {does} {part}; hr = 0x{code:08x}"),
        ),
        12 => (
            "WindowsUpdate.log",
            format!(
                "2025-06-20\t11:00:00:100\t 900\t12c4\tMadeUp\tFATAL: {function}: cannot {does} {part}, hr={code:08x}"
            ),
        ),
        _ => (
            "WindowsUpdate.log",
            format!(
                "2025-06-20\t11:00:00:100\t 900\t12c4\tHandler\tWARNING: {does} of {part} failed with error 0x{code:08x}"
            ),
        ),
    }
}

/// The failure in whole ordinary surroundings, at their end, at their start, or nearly alone.
fn around(log: &Log, failing: &str, random: &mut Random) -> String {
    let ordinary = &log.ordinary;
    let (before, after) = match random.below(4) {
        0 => (ordinary.len(), 0),
        1 => (0, ordinary.len()),
        2 => (random.below(4), random.below(4)),
        _ => (ordinary.len() / 2, ordinary.len() / 2),
    };
    let lines = ordinary[..before]
        .iter()
        .map(String::as_str)
        .chain(failing.lines())
        .chain(
            ordinary[ordinary.len() - after..]
                .iter()
                .map(String::as_str),
        );
    lines.flat_map(|line| [line, "\r\n"]).collect()
}
