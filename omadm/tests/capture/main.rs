//! The session in the documentation is one that this code had.

#[path = "../../examples/session/capture.rs"]
mod capture;

#[test]
fn the_documented_session_is_the_one_that_happens() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/session.md");
    let documented = std::fs::read_to_string(path).unwrap();
    let happens = capture::capture().unwrap();
    assert_eq!(
        documented, happens,
        "write it anew: cargo run -p omadm --example session > omadm/docs/session.md"
    );
}
