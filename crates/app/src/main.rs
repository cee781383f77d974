//! The binary `tformance`.
fn main() {}
