//! Made-up logs.

use simulate::{EndpointPlan, Fleet, Truth};
use std::path::{Path, PathBuf};

/// After the founding case: a CSI record cut by the logger, behind it the record of its origin. Made up, byte for byte in the logger's columns.
pub const CUT_RECORD: &str = "\
2024-05-06 10:20:30, Info                  CSI    0000a001 CSIPERF - FilePI Queue 12ms\r
2024-05-06 10:20:31, Error                 CSI    0000a002 (F) STATUS_FILE_CORRUPT_ERROR #5501# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(flags = (AllowFileNotFound|0x00000100), da = (SYNCHRONIZE), oa = @0x11->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[27]'\\??\\C:\\ProgramData\\Printers'; a:(OBJ_CASE_INSENSITIVE)}, sa = (FILE_SHARE_READ|FILE_SHARE_DEL[gle=0xd0000102]\r
2024-05-06 10:20:31, Error                 CSI    ETE), cd = FILE_OPEN, disp = Invalid)\n[gle=0xd0000102]\r
2024-05-06 10:20:31, Error                 CSI    0000a003@2024/5/6:02:20:31.250 (F) onecore\\base\\wcp\\sil\\ntsystem.cpp(2987): Error STATUS_FILE_CORRUPT_ERROR originated in function Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile expression: (null)\n[gle=0x80004005]\r
";

/// A made-up endpoint's logs in a folder, and what was planted in them.
pub fn write_endpoint(plan: &EndpointPlan, folder: &Path) -> Truth {
    let (logs, truth) = simulate::produce(plan);
    for log in logs {
        let path = folder.join(&log.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &log.bytes).unwrap();
    }
    truth
}

/// The first endpoints of a fleet that have each scenario, so that a small number covers all.
pub fn one_of_each(fleet: &Fleet) -> Vec<EndpointPlan> {
    let mut plans = Vec::new();
    for name in simulate::scenario_names() {
        let plan = fleet
            .plans()
            .find(|plan| plan.scenarios.iter().any(|scenario| scenario.name == name));
        plans.push(plan.unwrap_or_else(|| panic!("no endpoint with scenario {name}")));
    }
    plans.sort_by_key(|plan| plan.index);
    plans.dedup_by_key(|plan| plan.index);
    plans
}

/// Every file below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push(path)
        }
    }
    found.sort();
    found
}
