//! Optional features from the update service, and a user who changes their mind.

use crate::codes::{CANCEL, Hresult, NAME_NOT_RESOLVED, NO_CONTENT};
use crate::healthy::start_worker;
use crate::noise;
use crate::update::{Attempt, Failure, Update, begin, cancel, cause, fail, resolve};
use crate::writer::{Writer, cbs, cbs_error};

/// The name of the update service does not resolve.
pub(crate) fn name_not_resolved(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    let code = NAME_NOT_RESOLVED;
    for round in 0..2 {
        search(w);
        // A name that does not resolve takes its time.
        w.wait_ms(60_000, 190_000);
        cbs!(w, "DLWD:WU search failed [HRESULT = {code}]");
        cbs!(
            w,
            "DWLD:Failed to do Windows update search [HRESULT = {code}]"
        );
        cbs!(
            w,
            "FC:   FCAcquirerWUClient: WindowsUpdateDownloadFromUUP returns. [0x{:08X}]",
            code.0
        );
        cbs_error!(
            w,
            "FC:   CFCAcquirerWUClient::Download(134): Result = 0x{:08X}",
            code.0
        );
        cbs_error!(
            w,
            "FC:   CFCAcquirerWrapper::Execute(160): Result = 0x{:08X}",
            code.0
        );
        if round == 0 {
            cbs!(
                w,
                "Exec: Failed to download FOD from WU, retry once. [HRESULT = {code}]"
            );
        }
    }
    cbs!(
        w,
        "Exec: Failed to download FOD from WU, make session retry candidate"
    );
    let capability = capability_of(&attempt);
    cbs!(
        w,
        "Failed to get uup features from WU, sessionData: {{\"ModuleID\":\"FOD\",\"Features\":[{{\"name\":\"{capability}\"}}]}} [HRESULT = {code}]"
    );
    cbs!(w, "Exec: Failed to retrieve FOD payload [HRESULT = {code}]");
    give_up(w, attempt, code, "network_dns", "network_dns");
}

/// The update service carries no such feature for this build.
pub(crate) fn no_content(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    search(w);
    w.wait_ms(2_000, 12_000);
    cbs!(w, "DWLD: Number of updates found: 0, expected: 1");
    give_up(
        w,
        attempt,
        NO_CONTENT,
        "fod_content_not_found",
        "fod_content",
    );
}

/// Somebody clicks Cancel.
pub(crate) fn cancelled(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(
        w,
        &Update {
            client: "wusa",
            ..update.clone()
        },
    );
    resolve(w, &attempt);
    w.wait_ms(5_000, 60_000);
    let cause = cause("cancelled", CANCEL.0, "", "cancelled");
    cancel(w, attempt, Failure::new(CANCEL, "CBS Other", cause));
}

fn search(w: &mut Writer) {
    cbs!(
        w,
        "Exec: Download qualification evaluation, business scenario: Capability"
    );
    cbs!(w, "Exec: Network type is 1");
    cbs!(w, "Perf: Entering stage: Downloading");
    cbs!(w, "FC:   Calling Download on WUClient Acquirer");
    cbs!(
        w,
        "WU: Microsoft Update service is the default, URL: (null), Name: Windows Update"
    );
    noise::optional_values(w);
    cbs!(
        w,
        "DWLD: Current product search criteria: (Product='Client.OS.rs2.amd64' and CurrentVersionOnly=1  and DeploymentAction=*)"
    );
}

fn give_up(w: &mut Writer, attempt: Attempt, code: Hresult, category: &str, rule: &str) {
    cbs!(
        w,
        "Failed to download and plan capabilities [HRESULT = {code}]"
    );
    cbs!(w, "Failed to plan execution. [HRESULT = {code}]");
    let cause = cause(category, code.0, "", rule);
    fail(w, attempt, Failure::new(code, "CBS Other", cause));
}

/// `Microsoft-Windows-Wallet-FoD-Package~…` as the service calls it.
fn capability_of(attempt: &Attempt) -> String {
    let name = attempt.update.package.split('~').next().unwrap_or_default();
    format!(
        "{}~~1.0",
        name.trim_start_matches("Microsoft-Windows-")
            .trim_end_matches("-Package")
            .replace('-', ".")
    )
}
