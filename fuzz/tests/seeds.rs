//! Every seed through its target, as an ordinary test: what a fuzzer once found, and material that reaches deep.

use fuzz_targets::TARGETS;
use std::path::Path;

#[test]
fn every_seed_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for target in TARGETS {
        let seeds = std::fs::read_dir(folder.join(target.name))
            .unwrap_or_else(|error| panic!("seeds of `{}`: {error}", target.name));
        let mut read = 0;
        for seed in seeds {
            let path = seed.expect("a folder can be listed").path();
            let data = std::fs::read(&path).expect("a seed can be read");
            println!("{}", path.display());
            (target.run)(&data);
            read += 1;
        }
        assert!(read > 0, "`{}` has no seed", target.name);
    }
}

/// The first four seeds of each target with a byte changed at every seventh place of their first kilobyte: a poor man's fuzzer that always
/// runs.
#[test]
fn every_seed_with_a_byte_changed_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for target in TARGETS {
        let mut seeds: Vec<_> = std::fs::read_dir(folder.join(target.name))
            .unwrap_or_else(|error| panic!("seeds of `{}`: {error}", target.name))
            .map(|seed| seed.expect("a folder can be listed").path())
            .collect();
        seeds.sort();
        for path in seeds.into_iter().take(4) {
            let data = std::fs::read(&path).expect("a seed can be read");
            for at in (0..data.len().min(1024)).step_by(7) {
                for change in [0xE5, 0xFF] {
                    let mut changed = data.clone();
                    if let Some(byte) = changed.get_mut(at) {
                        *byte ^= change;
                    }
                    (target.run)(&changed);
                }
            }
        }
    }
}
