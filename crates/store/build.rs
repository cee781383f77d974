//! Builds the crate anew when a migration is added: the macro that embeds them sees only files that
//! it knows.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
