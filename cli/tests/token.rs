//! Signing with keys on a token: a real PKCS#11 module, `SoftHSM`, whose tokens are files.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the failure; the token's tools are programs"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cardwarden_policy::statement::Release;
use cardwarden_policy::trust::{Anchor, Anchors, Verified};
use jiff::{Timestamp, ToSpan as _};

/// Where Debian's package `softhsm2` puts the module.
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "471100";
const DEVICE: &str = "urn:uuid:6e8b1a52-6f3c-4d54-9f4e-1f2a3b4c5d6e";

/// A directory with a token called `company`.
struct Company {
    directory: tempfile::TempDir,
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

impl Company {
    fn new() -> Self {
        assert!(
            Path::new(MODULE).exists(),
            "{MODULE} is missing: install the package softhsm2"
        );
        let company = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let tokens = company.path("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let settings = format!("directories.tokendir = {}\n", tokens.display());
        company.write("softhsm2.conf", &settings);
        company.write("pin", &format!("{PIN}\n"));
        company.write("wrong", "000000\n");
        let made = company
            .command("softhsm2-util")
            .args(["--init-token", "--free", "--label", "company"])
            .args(["--pin", PIN, "--so-pin", "12345678"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made));
        company
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's file need not survive the machine"
    )]
    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.directory.path())
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env_remove("CARDWARDEN_PIN_FILE")
            .stdin(std::process::Stdio::null());
        command
    }

    /// `cardwarden` with these words, and with the PIN in a file that the environment names.
    fn cardwarden(&self, words: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_cardwarden"))
            .args(words)
            .env("CARDWARDEN_PIN_FILE", self.path("pin"))
            .output()
            .unwrap()
    }

    fn succeed(&self, words: &[&str]) -> String {
        let output = self.cardwarden(words);
        assert!(output.status.success(), "{words:?}: {}", text(&output));
        text(&output)
    }

    fn keygen(&self, algorithm: &str, name: &str) -> Anchor {
        let public = format!("{name}.pem");
        self.succeed(&[
            "policy",
            "keygen",
            "--algorithm",
            algorithm,
            "--token",
            &key(name),
            "--public",
            &public,
        ]);
        Anchor::from_pem(&std::fs::read_to_string(self.path(&public)).unwrap()).unwrap()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }
}

fn release_words<'a>(key: &'a str, out: &'a str) -> Vec<&'a str> {
    let mut words = vec!["release", "issue", "--key", key, "--company", "B"];
    let association = DEVICE.strip_prefix("urn:uuid:").unwrap();
    words.extend([
        "--device",
        DEVICE,
        "--association",
        association,
        "--out",
        out,
    ]);
    words
}

fn key(name: &str) -> String {
    format!("pkcs11:token=company;object={name}?module-path={MODULE}")
}

#[test]
fn a_key_that_was_made_on_a_token_signs_what_devices_believe() {
    let company = Company::new();
    for algorithm in ["p256", "ed25519"] {
        let anchor = company.keygen(algorithm, algorithm);
        let anchors: Anchors = [anchor].into_iter().collect();
        let key = key(algorithm);
        let out = format!("{algorithm}.release");
        company.succeed(&release_words(&key, &out));
        let release: Verified<Release> = anchors.verify(&company.read(&out)).unwrap();
        assert_eq!(release.device, DEVICE);
    }
}

#[test]
fn a_root_on_a_token_delegates_to_a_key_in_a_file_until_an_end() {
    let company = Company::new();
    let root = company.keygen("p256", "root");
    let anchors: Anchors = [root.clone()].into_iter().collect();
    company.succeed(&[
        "policy",
        "keygen",
        "--key",
        "server.key",
        "--public",
        "server.pem",
    ]);
    let until = Timestamp::now() + 48.hours();
    let (root_key, end) = (key("root"), until.to_string());
    let delegate = |powers: &str, functions: &str, may: &str, out: &str| {
        company.cardwarden(&[
            "policy",
            "delegate",
            "--key",
            &root_key,
            "--company",
            "B",
            "--to",
            "server.pem",
            "--powers",
            powers,
            "--functions",
            functions,
            "--may",
            may,
            "--until",
            &end,
            "--out",
            out,
        ])
    };
    let all = cardwarden_policy::Function::ALL
        .map(cardwarden_policy::Function::name)
        .join(",");
    let made = delegate("releases,orders", &all, "loosen", "wide");
    assert!(made.status.success(), "{}", text(&made));
    let narrow = delegate("releases", "camera", "tighten", "narrow");
    assert!(
        text(&narrow).contains("must be allowed every function"),
        "{}",
        text(&narrow)
    );

    let mut words = release_words("server.key", "release");
    words.extend(["--delegation", "wide"]);
    company.succeed(&words);
    let release = company.read("release");
    assert!(anchors.verify::<Release>(&release).is_err());
    let believed = anchors
        .verify_at::<Release>(&release, Some(Timestamp::now()))
        .unwrap();
    assert_eq!(believed.signer(), root.id());
    assert!(believed.delegate().is_some());
    let late = anchors
        .verify_at::<Release>(&release, Some(until))
        .unwrap_err();
    assert_eq!(late.code(), "delegation-ended");
}

#[test]
fn a_key_is_made_once_and_named_exactly() {
    let company = Company::new();
    company.keygen("p256", "root");
    let (root, other) = (key("root"), key("other"));
    let again = company.cardwarden(&["policy", "keygen", "--token", &root, "--public", "new.pem"]);
    assert!(!again.status.success());
    assert!(
        text(&again).contains("already; choose another name"),
        "{}",
        text(&again)
    );
    assert!(!company.path("new.pem").exists());

    let missing = text(&company.cardwarden(&release_words(&other, "out")));
    assert!(
        missing
            .contains("0 private keys on the token `company` fit token `company`, object `other`"),
        "{missing}"
    );
    company.keygen("ed25519", "second");
    let any = format!("pkcs11:token=company?module-path={MODULE}");
    let ambiguous = text(&company.cardwarden(&release_words(&any, "out")));
    assert!(ambiguous.contains("2 private keys"), "{ambiguous}");
    assert!(!company.path("out").exists());
}

#[test]
fn a_missing_module_token_or_pin_is_told_with_what_to_do() {
    let company = Company::new();
    company.keygen("p256", "root");
    let fails = |key: &str| text(&company.cardwarden(&release_words(key, "out")));
    let module = fails("pkcs11:token=company;object=root?module-path=/nonexistent.so");
    assert!(
        module.contains("/nonexistent.so") && module.contains("add ?module-path=FILE"),
        "{module}"
    );
    let token = fails(&format!("pkcs11:token=other?module-path={MODULE}"));
    assert!(
        token.contains("0 tokens fit token `other`; there are `company`"),
        "{token}"
    );
    let wrong = fails(&format!("{}&pin-source=wrong", key("root")));
    assert!(
        wrong.contains("the PIN of the token `company` is wrong"),
        "{wrong}"
    );
    assert!(!wrong.contains("000000"), "{wrong}");
    let key = key("root");
    let silent = company
        .command(env!("CARGO_BIN_EXE_cardwarden"))
        .args(release_words(&key, "out"))
        .output()
        .unwrap();
    assert!(
        text(&silent).contains("CARDWARDEN_PIN_FILE"),
        "{}",
        text(&silent)
    );
}
