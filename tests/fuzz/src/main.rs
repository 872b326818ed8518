//! The program that libFuzzer drives. What it tries is chosen by the environment, since libFuzzer owns the arguments:
//!
//! - `CARDWARDEN_FUZZ_SEEDS`: write every target's seeds and words below this folder, one folder for each, and end;
//! - `CARDWARDEN_FUZZ_TARGET`: the target's name.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use cardwarden_fuzz::{TARGETS, Target, target};
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fuzz_target!(init: begin(), |bytes: &[u8]| {
    if let Some(target) = CHOSEN.get() {
        (target.check)(bytes);
    }
});

#[expect(
    clippy::exit,
    clippy::print_stderr,
    reason = "libFuzzer owns the arguments and `main`"
)]
fn begin() {
    if let Some(dir) = std::env::var_os("CARDWARDEN_FUZZ_SEEDS") {
        let written = TARGETS
            .iter()
            .try_for_each(|target| target.write(Path::new(&dir)));
        if let Err(error) = &written {
            eprintln!("write the seeds below {}: {error}", dir.display());
        }
        std::process::exit(i32::from(written.is_err()));
    }
    let name = std::env::var("CARDWARDEN_FUZZ_TARGET").unwrap_or_default();
    let Some(target) = target(&name) else {
        eprintln!("there is no target '{name}'");
        std::process::exit(2);
    };
    assert!(CHOSEN.set(target).is_ok(), "libFuzzer begins once");
}
