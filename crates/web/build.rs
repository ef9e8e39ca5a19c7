//! Refuses to build without the pages, in words: what would come otherwise is a macro's complaint about a folder.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=ui/dist");
    if !Path::new("ui/dist/index.html").is_file() {
        println!(
            "cargo::error=the pages are not built: `crates/web/ui/dist/index.html` is missing"
        );
        println!("cargo::error=hint: run `make ui` (needs Node 20 or newer)");
    }
}
