//! The other logs that some endpoints have: dism.log, setupact.log, ReportingEvents.log, and what `findstr` took from CBS.log.

use crate::codes::Hresult;
use crate::fleet::EndpointPlan;
use crate::random::hash;
use crate::truth::NoiseKind;
use crate::writer::{LogFile, Writer, head_text};
use encoding_rs::GB18030;
use event::Outcome;

/// A provider that only some editions have.
const MODULE_NOT_FOUND: Hresult = Hresult(0x8007_007e, "ERROR_MOD_NOT_FOUND");
/// The update agent's "call was cancelled", reported beside `Success`.
const CALL_CANCELLED: u32 = 0x8024_000b;

/// Adds the files that this endpoint has besides CBS.log. One in four has a dism.log, one in six a setupact.log, one in twenty reports.
pub(crate) fn add(w: &mut Writer, plan: &EndpointPlan) {
    if plan.index % 4 == 1 {
        dism(w, plan);
    }
    if plan.index % 6 == 2 {
        setup(w, plan);
    }
    if plan.index % 20 == 3 {
        reporting(w, plan);
    }
    if plan.chinese {
        found_lines(w);
    }
}

/// Two healthy runs of dism.exe, with a provider that cannot be loaded.
fn dism(w: &mut Writer, plan: &EndpointPlan) {
    let mut lines = Lines::new(w, plan);
    for _ in 0..2 {
        let (pid, tid) = (
            w.random.within(1_000, 19_999),
            w.random.within(1_000, 19_999),
        );
        lines.later(w, 36_000, 400_000);
        let put = |lines: &mut Lines, level: &str, provider: &str, text: &str| {
            lines.put(
                level,
                "",
                "DISM",
                &format!("{provider}: PID={pid} TID={tid} {text}"),
            );
        };
        put(
            &mut lines,
            "Info",
            "DISM.EXE",
            "<----- Starting Dism.exe session ----->",
        );
        put(
            &mut lines,
            "Info",
            "DISM.EXE",
            "Executing command line: dism /online /get-packages",
        );
        put(
            &mut lines,
            "Info",
            "DISM Manager",
            "physical location path: C:\\ - CDISMManager::CreateImageSession",
        );
        for provider in [
            "OSProvider.dll",
            "LogProvider.dll",
            "PEProvider.dll",
            "CbsProvider.dll",
            "DmiProvider.dll",
        ] {
            let location = format!(
                "Loading Provider from location C:\\Windows\\System32\\Dism\\{provider} - CDISMProviderStore::Internal_GetProvider"
            );
            put(&mut lines, "Info", "DISM Provider Store", &location);
            if provider == "PEProvider.dll" {
                let text = format!(
                    "Failed to load the provider: C:\\Windows\\System32\\Dism\\{provider}. - CDISMProviderStore::Internal_GetProvider(hr:{:#010x})",
                    MODULE_NOT_FOUND.0
                );
                put(&mut lines, "Warning", "DISM Provider Store", &text);
                w.count_noise(
                    "dism",
                    NoiseKind::DismProbe,
                    MODULE_NOT_FOUND.0,
                    lines.last_identity(),
                );
            } else {
                put(
                    &mut lines,
                    "Info",
                    "DISM Provider Store",
                    "Provider has not previously been encountered.  Attempting to initialize the provider. - CDISMProviderStore::Internal_GetProvider",
                );
            }
        }
        put(
            &mut lines,
            "Info",
            "DISM Package Manager",
            "Finished initializing the CbsConUI Handler. - CCbsConUIHandler::Initialize",
        );
        put(
            &mut lines,
            "Info",
            "DISM.EXE",
            "Image session has been closed. Reboot required=no.",
        );
        put(
            &mut lines,
            "Info",
            "DISM.EXE",
            "<----- Ending Dism.exe session ----->",
        );
    }
    lines.finish(w, "Windows/Logs/DISM/dism.log", "dism");
}

/// A healthy first run of setup, with message ids and blank components.
fn setup(w: &mut Writer, plan: &EndpointPlan) {
    let mut lines = Lines::new(w, plan);
    lines.put(
        "Info",
        "[0x0601c1]",
        "IBS",
        "InstallWindows:Install Path = X:\\Sources",
    );
    for module in [
        "CreatePageFile",
        "CopyImages",
        "DeployImages",
        "DiskSpace",
        "Completion",
        "Cmi",
        "SkuAssembly",
        "Locale",
        "Compliance",
    ] {
        lines.put(
            "Info",
            "",
            "PANTHR",
            "InitializeModule: Initializing ExecQueue->csLock;",
        );
        lines.put(
            "Info",
            "[0x0601a4]",
            "IBS",
            &format!("LoadWorkerModules:Successfully added worker module {module} in winsetup.dll"),
        );
        lines.later(w, 0, 2);
    }
    lines.put(
        "Info",
        "",
        "",
        "PnPIBS: Initializing the PnP IBS Module ...\n",
    );
    lines.put(
        "Info",
        "",
        "",
        "PnPIBS: Successfully initialized the PnP IBS Module.\n",
    );
    for (component, text) in [
        (
            "SP",
            "SPDetectEnvironment: Windows setup is running on a client image",
        ),
        ("MOUPG", "CSetupManager::Initialize: Setup mode: Install"),
        ("MIG", "Gather of user data is not needed"),
        (
            "SYSPRP",
            "ActionPlatform::LaunchModule: Successfully executed generalize for Microsoft-Windows-Shell-Setup",
        ),
        ("CONX", "Compatibility check completed without findings"),
    ] {
        for step in 1..=6 {
            lines.put("Info", "", component, &format!("{text} (step {step} of 6)"));
        }
        lines.later(w, 3, 60);
    }
    lines.finish(w, "Windows/Panther/setupact.log", "setup");
}

/// What the update agent reports: detections every day, installs as they went. UTF-16LE with a byte-order mark.
fn reporting(w: &mut Writer, plan: &EndpointPlan) {
    let offset = format!(
        "{}{:02}{:02}",
        if plan.offset_minutes < 0 { '-' } else { '+' },
        plan.offset_minutes.abs() / 60,
        plan.offset_minutes.abs() % 60
    );
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut second = plan.start_us / 1_000_000 + i64::from(plan.offset_minutes) * 60 + 31_000;
    while second < plan.end_us / 1_000_000 + i64::from(plan.offset_minutes) * 60 {
        let found = w.random.below(4);
        rows.push((head_text(second), format!("147 [AGENT_DETECTION_FINISHED]\t101\t{{00000000-0000-0000-0000-000000000000}}\t0\t0\tUpdateOrchestrator\tSuccess\tSoftware Synchronization\tWindows Update Client successfully detected {found} updates.")));
        if w.random.chance(8) {
            let head = head_text(second + 40);
            rows.push((head.clone(), format!("163 [AGENT_DOWNLOAD_CANCELED]\t101\t{{5c1f0e7a-9d2b-4c31-8f60-1b7a2e9d4c55}}\t201\t{CALL_CANCELLED:08x}\tUpdateOrchestrator\tSuccess\tContent Download\tDownload canceled.")));
            w.count_noise(
                "reporting_events",
                NoiseKind::DownloadCancelled,
                CALL_CANCELLED,
                hash(head.as_bytes()),
            );
        }
        second += w.random.within(80_000, 92_000) as i64;
    }
    for attempt in &w.attempts {
        let title = if attempt.kb.is_empty() {
            attempt.package.clone()
        } else {
            format!("Cumulative Update ({})", attempt.kb)
        };
        let start = format!(
            "181 [AGENT_INSTALLING_STARTED]\t101\t{{7a3f5d20-1c44-4b8e-a3d9-62f0c8b1e744}}\t200\t0\tUpdateOrchestrator\tSuccess\tContent Install\tInstallation Started: Windows has started installing the following update: {title}"
        );
        rows.push((attempt.start.clone(), start));
        let end = match (attempt.outcome, &attempt.terminal_code) {
            (Outcome::Succeeded, _) => format!(
                "183 [AGENT_INSTALLING_SUCCEEDED]\t101\t{{7a3f5d20-1c44-4b8e-a3d9-62f0c8b1e744}}\t200\t0\tUpdateOrchestrator\tSuccess\tContent Install\tInstallation Successful: Windows successfully installed the following update: {title}"
            ),
            (_, Some(code)) => format!(
                "182 [AGENT_INSTALLING_FAILED]\t101\t{{7a3f5d20-1c44-4b8e-a3d9-62f0c8b1e744}}\t200\t{}\tUpdateOrchestrator\tFailure\tContent Install\tInstallation Failure: Windows failed to install the following update with error {code}: {title}.",
                code.trim_start_matches("0x")
            ),
            _ => continue,
        };
        rows.push((attempt.end.clone(), end));
    }
    rows.sort();
    let mut bytes = vec![0xFF, 0xFE];
    let records = rows.len() as u64;
    for (head, row) in rows {
        let (a, b) = (w.random.next(), w.random.next());
        let text = format!(
            "{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}\t{head}:{:03}{offset}\t1\t{row}\t{:016X}.1.0\r\n",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFFF,
            b >> 48,
            b & 0xFFFF_FFFF_FFFF,
            a % 1_000,
            a ^ b
        );
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    }
    w.add_file(
        LogFile {
            path: "Windows/SoftwareDistribution/ReportingEvents.log".to_owned(),
            source: "reporting_events",
            bytes,
        },
        records,
    );
}

/// `findstr /c:"[SR]" CBS.log > sfcdetails.txt` on a Chinese console: the same records in GB18030.
fn found_lines(w: &mut Writer) {
    let text = String::from_utf8_lossy(w.log()).into_owned();
    let found: Vec<&str> = text
        .split("\r\n")
        .filter(|line| line.contains("[SR]"))
        .collect();
    let found_text = found.join("\r\n") + "\r\n";
    let (bytes, _, _) = GB18030.encode(&found_text);
    let file = LogFile {
        path: "Users/Public/Desktop/sfcdetails.txt".to_owned(),
        source: "cbs",
        bytes: bytes.into_owned(),
    };
    w.add_file(file, found.len() as u64);
}

/// Headed lines of a log other than CBS.log.
struct Lines {
    bytes: Vec<u8>,
    second: i64,
    records: u64,
    last: usize,
}

impl Lines {
    fn new(w: &mut Writer, plan: &EndpointPlan) -> Self {
        let second = plan.start_us / 1_000_000
            + i64::from(plan.offset_minutes) * 60
            + w.random.below(7_200) as i64;
        Self {
            bytes: b"\xef\xbb\xbf".to_vec(),
            second,
            records: 0,
            last: 0,
        }
    }

    fn later(&mut self, w: &mut Writer, low: u64, high: u64) {
        self.second += w.random.within(low, high) as i64;
    }

    fn put(&mut self, level: &str, id: &str, component: &str, text: &str) {
        self.last = self.bytes.len();
        let line = format!(
            "{}, {level:<11}{id:<11}{component:<7}{text}\r\n",
            head_text(self.second)
        );
        self.bytes.extend_from_slice(line.as_bytes());
        self.records += 1;
    }

    fn last_identity(&self) -> u64 {
        hash(&self.bytes[self.last..])
    }

    fn finish(self, w: &mut Writer, path: &str, source: &'static str) {
        w.add_file(
            LogFile {
                path: path.to_owned(),
                source,
                bytes: self.bytes,
            },
            self.records,
        );
    }
}
