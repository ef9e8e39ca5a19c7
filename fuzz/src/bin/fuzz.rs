//! One program for all targets: libFuzzer calls it, `CBSIFT_FUZZ_TARGET` names the target.
#![no_main]

use fuzz_targets::{Target, target};
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("CBSIFT_FUZZ_TARGET").unwrap_or_default();
    target(&name).unwrap_or_else(|| panic!("no target `{name}`\nhint: `make fuzz` names them"))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (TARGET.run)(data));
