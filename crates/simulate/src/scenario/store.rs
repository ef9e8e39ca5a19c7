//! The component store or the package store is at fault.

use crate::builds::component_key;
use crate::calendar::Release;
use crate::codes::{
    BINARY_MISSING, OUT_OF_SEQUENCE, REBOOT_REQUIRED, STORE_CORRUPT, STORE_CORRUPTION, status,
};
use crate::healthy::{install_transaction, start_worker, store_open};
use crate::update::{Failure, Update, begin, cause, execute, fail, hex32, resolve, stage};
use crate::writer::{Writer, cbs, cbs_error, csi, csi_at};

/// A value of a component in the COMPONENTS hive is damaged.
pub(crate) fn store_corrupt(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    cbs!(w, "Perf: Resolve chain started.");
    install_transaction(w, attempt.session, &update.package);
    let category = *w.random.pick(&[
        "CorruptComponentValue",
        "CorruptComponentValue",
        "CorruptPayloadFile",
        "MissingWinningComponentKey",
    ]);
    w.csi_origin(format_args!(
        "Attempting to mark store corrupt with category [l:{} ml:{}]'{category}'",
        category.len(),
        category.len() + 1
    ));
    let (trace, at) = (
        w.random.within(50_000, 999_999),
        0x100_0000_0000 + w.random.below(0xff_ffff_ffff),
    );
    w.csi_failure(
        status::gle(status::SXS_COMPONENT_STORE_CORRUPT),
        format_args!("STATUS_SXS_COMPONENT_STORE_CORRUPT #{trace}# from CCSDirectTransaction::OperateEnding at index 0 of 1 operations, disposition 0"),
    );
    w.csi_failure(
        STORE_CORRUPT.0,
        format_args!(
            "HRESULT_FROM_WIN32(14098) #{}# from Windows::ServicingAPI::CCSITransaction::ICSITransaction2_AddComponents(Flags = 1, a = @0x{at:x}, mp = @0x{:x}, disp = 0)",
            trace - 163,
            at + 0x9f0
        ),
    );
    let code = STORE_CORRUPT;
    cbs!(w, "Failed to add one or more deployment [HRESULT = {code}]");
    let name = format!(
        "Wrapper-{}{}",
        hex32(w).to_uppercase(),
        hex32(w).to_uppercase()
    );
    cbs!(
        w,
        "Failed to bulk stage deployment manifest and pin deployment for package:{name}~31bf3856ad364e35~amd64~~{} [HRESULT = {code}]",
        attempt.version
    );
    csi_at!(w, "CSI Transaction @0x{at:x} destroyed");
    cbs!(w, "Perf: Resolve chain complete.");
    cbs!(w, "Failed to resolve execution chain. [HRESULT = {code}]");
    let cause = cause(
        "component_store_corrupt",
        status::SXS_COMPONENT_STORE_CORRUPT,
        category,
        "store_corrupt",
    );
    fail(w, attempt, Failure::new(code, "Resolve", cause));
}

/// The manifest of an earlier update's part is gone: that one is to be installed again, not this one.
pub(crate) fn manifest_missing(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    cbs!(w, "Perf: Resolve chain started.");
    let earlier = w.build.kb(
        Release {
            year: update.release.year - 1,
            month: update.release.month,
        },
        2,
    );
    let part = w.random.within(2, 900);
    let missing = format!(
        "Package_{part}_for_{earlier}~31bf3856ad364e35~amd64~~{}.1.4",
        w.build.version
    );
    let code = STORE_CORRUPTION;
    cbs!(
        w,
        "Store corruption, manifest missing for package: {missing}"
    );
    cbs_error!(
        w,
        "Failed to resolve package '{missing}' [HRESULT = {code}]"
    );
    cbs!(
        w,
        "Mark store corruption flag because of package: {missing}. [HRESULT = {code}]"
    );
    cbs!(w, "Failed to resolve package [HRESULT = {code}]");
    cbs!(
        w,
        "Failed to get next package to re-evaluate [HRESULT = {code}]"
    );
    cbs!(
        w,
        "Failed to process component watch list. [HRESULT = {code}]"
    );
    cbs!(w, "Perf: Resolve chain complete.");
    cbs!(w, "Failed to resolve execution chain. [HRESULT = {code}]");
    let cause = cause(
        "missing_package_manifest",
        code.0,
        &missing,
        "manifest_missing",
    );
    fail(w, attempt, Failure::new(code, "Resolve", cause));
}

/// An older transaction still waits for its boot.
pub(crate) fn pending(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    store_open(w);
    csi!(w, "Transaction merge required, do-not-merge flag passed.");
    let at = install_transaction(w, attempt.session, &update.package);
    csi!(
        w,
        "Pending transaction content must be resolved, cannot begin another transaction yet"
    );
    let code = REBOOT_REQUIRED;
    cbs!(
        w,
        "Failed to get transaction analysis because of pending operations. Disposition from Analyze: 0x1 [HRESULT = {code}]"
    );
    cbs!(w, "Failed to get inventory. [HRESULT = {code}]");
    csi_at!(w, "CSI Transaction @0x{at:x} destroyed");
    cbs!(w, "Failed to get CSI Inventory [HRESULT = {code}]");
    cbs!(
        w,
        "Failed to get Transaction State for package: {}, update: {} [HRESULT = {code}]",
        update.package,
        "Default"
    );
    cbs_error!(w, "Failed to get store state [HRESULT = {code}]");
    cbs!(w, "Failed to resolve execution chain. [HRESULT = {code}]");
    let cause = cause("pending_reboot", code.0, "pending transaction", "pending");
    fail(w, attempt, Failure::new(code, "Resolve", cause));
}

/// Values of an old package are missing below the component store's derived data. Windows 7 and 8.
pub(crate) fn out_of_sequence(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    let (family, trace) = (hex32(w), w.random.within(100_000, 999_999));
    let version = format!("{}.{}", w.build.version, w.random.within(17_000, 24_000));
    csi!(
        w,
        "Over-removing a TLC, s/b internal error {family}, Version = {version}, pA = PROCESSOR_ARCHITECTURE_AMD64 (9), Culture neutral, VersionScope = 1 nonSxS, PublicKeyToken = {{l:8 b:31bf3856ad364e35}}, Type neutral, TypeName neutral, PublicKey neutral\n"
    );
    let (symbol, nt, code) = (
        "STATUS_REQUEST_OUT_OF_SEQUENCE",
        status::gle(status::REQUEST_OUT_OF_SEQUENCE),
        OUT_OF_SEQUENCE,
    );
    w.csi_origin(format_args!("d:\\w7rtm\\base\\wcp\\componentstore\\analysis.cpp(1186): Error {symbol} originated in function CServicingFamilyEntries::RemoveInstalledTlc expression: (null)\n"));
    for (step, function) in [
        (0, "CTransactionAnalysis::GenerateServicingFamilies(...)"),
        (2_413, "CCSDirectTransaction::PerformChangeAnalysis(...)"),
        (5_107, "CCSDirectTransaction::PrepareForCommit(...)"),
    ] {
        w.csi_failure(
            nt,
            format_args!("{symbol} #{}# from {function}", trace - step),
        );
    }
    w.csi_failure(code.0, format_args!("HRESULT_FROM_WIN32(ERROR_REQUEST_OUT_OF_SEQUENCE) #{}# from Windows::COM::CPendingTransaction::IStorePendingTransaction_Analyze(...)", trace - 7_771));
    w.csi_failure(
        code.0,
        format_args!("HRESULT_FROM_WIN32(ERROR_REQUEST_OUT_OF_SEQUENCE) #{}# 790213 us from Windows::ServicingAPI::CCSITransaction_ICSITransaction::Commit(flags = 0x00000066, pSink = NULL, disp = 0)\n", trace - 9_330),
    );
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    cbs!(w, "Setting RollbackFailed flag to 0");
    cbs_error!(
        w,
        "Exec: Failed to commit CSI transaction to execute changes. [HRESULT = {code}]"
    );
    cbs!(w, "Failed to execute execution chain. [HRESULT = {code}]");
    let cause = cause(
        "component_metadata_corrupt",
        status::REQUEST_OUT_OF_SEQUENCE,
        &format!("{family} {version}"),
        "metadata_sequence",
    );
    fail(w, attempt, Failure::new(code, "Execute", cause));
}

/// A clean-up script took away the file that a delta needs as its base: every endpoint with that script fails.
pub(crate) fn base_missing(w: &mut Writer, update: &Update) {
    // One file for the whole outbreak: the script is the same everywhere.
    let (file, component) = ("OneDriveSetup.Core.dll", "microsoft-windows-onedrive-setup");
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    cbs!(w, "Perf: Stage chain started.");
    cbs!(w, "Package Format: PSFX");
    let base = component_key(component, &format!("{}.1", w.build.version));
    let details = format!("Matching binary: {file} missing for component: {base}");
    w.csi_origin(format_args!("{details}"));
    let (trace, code) = (w.random.within(100_000, 9_999_999), BINARY_MISSING);
    w.csi_failure(code.0, format_args!("800f0984 [Error,Facility=(000f),Code=2436 (0x0984)] #{trace}# from ComponentStore::CRawStoreLayout::HydrateFile(...)"));
    w.csi_failure(code.0, format_args!("800f0984 [Error,Facility=(000f),Code=2436 (0x0984)] #{}# from Windows::ServicingAPI::CCSITransaction::ICSITransaction2_AddFiles(...)", trace - 417));
    cbs!(w, "Failed to add file to transaction. [HRESULT = {code}]");
    cbs_error!(
        w,
        "Failed to stage package manifest and payload. [HRESULT = {code}]"
    );
    cbs!(w, "Failed to stage execution chain. [HRESULT = {code}]");
    let cause = cause("psfx_base_missing", code.0, file, "psfx_missing");
    fail(
        w,
        attempt,
        Failure {
            code,
            source: "Stage",
            details,
            cause,
        },
    );
}
