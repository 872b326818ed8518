//! The drawing of the crates holds: nothing depends on anything that the design does not say.

use std::collections::BTreeSet;
use std::process::Command;

/// The whole drawing: who may use whom, at run time and in build scripts.
const DRAWING: &[(&str, &[&str])] = &[
    ("cardwarden-policy", &["omadm"]),
    ("cardwarden-dbus", &[]),
    ("cardwarden-ebpf-abi", &[]),
    ("omadm", &[]),
    ("cardwarden-card", &["cardwarden-policy"]),
    (
        "cardwarden-agent",
        &[
            "cardwarden-card",
            "cardwarden-dbus",
            "cardwarden-ebpf-abi",
            "cardwarden-policy",
            "omadm",
        ],
    ),
    (
        "cardwarden-cli",
        &[
            "cardwarden-card",
            "cardwarden-dbus",
            "cardwarden-policy",
            "omadm",
        ],
    ),
    ("cardwarden-server", &["cardwarden-policy", "omadm"]),
    (
        "cardwarden-lab-card",
        &["cardwarden-card", "cardwarden-policy"],
    ),
    (
        "cardwarden-iso-card",
        &[
            "cardwarden-card",
            "cardwarden-lab-card",
            "cardwarden-policy",
        ],
    ),
    (
        "cardwarden-fuzz",
        &["cardwarden-card", "cardwarden-policy", "omadm"],
    ),
    ("cardwarden-measure", &["cardwarden-policy"]),
    ("cardwarden-tests", &[]),
];

/// What only tests use beyond that: the agent's end of the line is tested against the real server, and the command
/// line with real firmware and with a modem.
const IN_TESTS: &[(&str, &str)] = &[
    ("cardwarden-agent", "cardwarden-server"),
    ("cardwarden-cli", "cardwarden-iso-card"),
    ("cardwarden-cli", "cardwarden-lab-card"),
];

#[test]
fn no_crate_uses_one_that_the_drawing_does_not_give_it() {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["metadata", "--format-version=1", "--no-deps"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    let drawn: BTreeSet<&str> = DRAWING.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours, drawn, "the drawing names every crate, and no other");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = DRAWING.iter().find(|(drawn, _)| *drawn == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let used = dependency["name"].as_str().unwrap();
            let in_tests = dependency["kind"] == "dev" && IN_TESTS.contains(&(name, used));
            assert!(
                !ours.contains(used) || allowed.contains(&used) || in_tests,
                "{name} uses {used}, which is not in the drawing"
            );
        }
    }
}
