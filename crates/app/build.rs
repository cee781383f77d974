//! Gives the binary the commit that it is built from, for `tformance --version`.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Changes with each commit and each checkout; absent where the sources came without history.
    println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    println!("cargo::rerun-if-env-changed=TFORMANCE_COMMIT");
    let commit = std::env::var("TFORMANCE_COMMIT")
        .ok()
        .or_else(commit_of_checkout)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo::rustc-env=TFORMANCE_COMMIT={commit}");
}

fn commit_of_checkout() -> Option<String> {
    let args = ["rev-parse", "--short=12", "HEAD"];
    let output = Command::new("git").args(args).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}
