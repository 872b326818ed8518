//! `lab`: plays the outside world in a lab machine.
fn main() {}
