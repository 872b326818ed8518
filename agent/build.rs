//! Builds the kernel programs (`ebpf/`) with a toolchain that has the BPF target, and leaves the
//! object where the agent embeds it.
//!
//! Two toolchains are known: Debian's `rustc-web` with `libstd-rust-web-dev-bpf`, which brings a
//! built `core`, and a rustup nightly with `rust-src`. Both need `bpf-linker`.
//! `cargo xtask setup` installs what is missing.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "bpfel-unknown-none";
const OBJECT: &str = "cardwarden-ebpf";

/// A way to call cargo for the BPF target.
struct Toolchain {
    cargo: Vec<String>,
    rustc: Option<PathBuf>,
    build_std: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let ebpf = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../ebpf");
    for input in [
        "Cargo.toml",
        "Cargo.lock",
        "src",
        "abi/src",
        "abi/Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", ebpf.join(input).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let toolchain = debian().or_else(nightly).ok_or(
        "no Rust toolchain for the kernel programs was found. Install Debian's rustc-web, \
         cargo-web and libstd-rust-web-dev-bpf, or a rustup nightly with rust-src; \
         `cargo xtask setup` does it",
    )?;
    build(&toolchain, &ebpf, &out)?;
    let object = out.join("ebpf").join(TARGET).join("release").join(OBJECT);
    std::fs::copy(&object, out.join("programs.o"))?;
    Ok(())
}

fn debian() -> Option<Toolchain> {
    let rustc = PathBuf::from("/usr/bin/rustc");
    let core = sysroot(command(&rustc))?.join("lib/rustlib").join(TARGET);
    core.is_dir().then(|| Toolchain {
        cargo: vec!["/usr/bin/cargo".to_owned()],
        rustc: Some(rustc),
        build_std: false,
    })
}

fn nightly() -> Option<Toolchain> {
    let mut rustc = command("rustup");
    rustc.args(["run", "nightly", "rustc"]);
    let source = sysroot(rustc)?.join("lib/rustlib/src/rust/library/core");
    source.is_dir().then(|| Toolchain {
        cargo: ["rustup", "run", "nightly", "cargo"]
            .map(str::to_owned)
            .to_vec(),
        rustc: None,
        build_std: true,
    })
}

fn sysroot(mut rustc: Command) -> Option<PathBuf> {
    let output = rustc.args(["--print", "sysroot"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| PathBuf::from(path.trim()))
}

fn build(toolchain: &Toolchain, ebpf: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = toolchain.cargo.split_first().ok_or("no cargo")?;
    let architecture = env::var("CARGO_CFG_TARGET_ARCH")?;
    let flags = format!(
        "--cfg=bpf_target_arch=\"{architecture}\"\u{1f}-Cdebuginfo=2\u{1f}-Clink-arg=--btf"
    );
    let mut cargo = command(program);
    cargo
        .args(arguments)
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--target-dir")
        .arg(out.join("ebpf"))
        .current_dir(ebpf)
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .env("RUSTC_BOOTSTRAP", "1");
    // What the outer cargo set for itself must not reach the inner one.
    for name in [
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
    ] {
        cargo.env_remove(name);
    }
    cargo.env_remove("RUSTC");
    if let Some(rustc) = &toolchain.rustc {
        cargo.env("RUSTC", rustc);
    }
    if toolchain.build_std {
        cargo.args(["-Z", "build-std=core"]);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!(
            "the kernel programs did not build ({status}). If bpf-linker is missing: \
             `cargo xtask setup` installs it"
        )
        .into());
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a build script is no daemon; it calls cargo"
)]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}
