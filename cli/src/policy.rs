//! `cardwarden policy`: checking what people wrote, and making the keys that sign it.

use std::path::Path;

use cardwarden_policy::document::{Action, MAX_DOCUMENT, Switch};
use cardwarden_policy::manifest::MAX_GROUP;
use cardwarden_policy::trust::NoSigningKey;
use cardwarden_policy::{Group, Policy, SigningKey};

use crate::args::{Algorithm, Keygen};
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::{Lines, Output, harmless};

/// Reads a policy, or says what is wrong with it and where.
pub(crate) fn read(path: &Path) -> Result<Policy, Failure> {
    let text = file::read_text(path, MAX_DOCUMENT)?;
    Policy::from_toml(&text)
        .map_err(|error| Failure::because(format!("{} is no policy", path.display()), &error))
}

/// Says whether a policy is well formed, and what it does.
pub(crate) fn check(path: &Path) -> Result<Output, Failure> {
    let policy = read(path)?;
    let length = Group {
        policy: policy.clone(),
        account: None,
    }
    .to_bytes()
    .len();
    if length > MAX_GROUP {
        return Err(Failure::new(format!(
            "{} needs {length} bytes on a card; {MAX_GROUP} is the most",
            path.display()
        )));
    }
    Ok(Output::text(describe(path, &policy, length)))
}

fn describe(path: &Path, policy: &Policy, length: usize) -> String {
    let mut lines = Lines::default();
    lines.add(&format!(
        "{} is a policy: {length} bytes on a card.",
        path.display()
    ));
    let mut line = |name: &str, what: String| lines.add(&format!("  {name:<10}{what}"));
    line(
        "contact",
        harmless(
            policy
                .contact
                .as_deref()
                .unwrap_or("none; people cannot ask"),
        ),
    );
    for (switch, word) in [(Switch::Disable, "off"), (Switch::Enable, "on")] {
        let functions: Vec<_> = policy
            .baseline
            .iter()
            .filter(|(_, given)| **given == switch)
            .map(|(function, _)| function.name())
            .collect();
        if !functions.is_empty() {
            line("baseline", format!("{} {word}", functions.join(", ")));
        }
    }
    for rule in &policy.rules {
        let functions: Vec<_> = rule
            .functions
            .iter()
            .map(|function| function.name())
            .collect();
        let action = match rule.action {
            Action::Enable => "on",
            Action::Disable => "off",
            Action::Audit => "watched",
        };
        let when = if rule.when.is_some() {
            "while its condition holds"
        } else {
            "always"
        };
        line(
            "rule",
            format!(
                "{}: {} {action} {when}",
                harmless(&rule.id),
                functions.join(", ")
            ),
        );
    }
    lines.into_text()
}

/// Makes a key pair.
pub(crate) fn keygen(keygen: &Keygen) -> Result<Output, Failure> {
    let key = generate(keygen.algorithm)?;
    let unwritable = |error: NoSigningKey| Failure::because("the key cannot be written", &error);
    let private = key.to_pem().map_err(unwritable)?;
    let public = key.to_public_pem().map_err(unwritable)?;
    let id = key
        .anchor()
        .map_err(|error| Failure::because("the key cannot be named", &error))?
        .id();
    if keygen.public.exists() {
        return Err(Failure::new(format!(
            "{} exists already and is not written over; choose another name",
            keygen.public.display()
        )));
    }
    file::create(&keygen.key, private.as_bytes(), Readable::Owner)?;
    file::create(&keygen.public, public.as_bytes(), Readable::All)?;
    Ok(Output::text(format!(
        "key {id}\n  private  {}  (keep it secret: it can restrict every device that trusts it)\n  \
         public   {}  (for /etc/cardwarden/trust.d on each device)\n",
        keygen.key.display(),
        keygen.public.display()
    )))
}

fn generate(algorithm: Algorithm) -> Result<SigningKey, Failure> {
    let failed = |what: String| Failure::new(format!("no key can be made: {what}"));
    loop {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| failed(error.to_string()))?;
        match algorithm {
            Algorithm::Ed25519 => return Ok(SigningKey::ed25519_from_seed(&seed)),
            // One in 2³² seeds is beyond the group's order; the next is as good.
            Algorithm::P256 => match SigningKey::p256_from_seed(&seed) {
                Ok(key) => return Ok(key),
                Err(NoSigningKey::Seed) => {}
                Err(error @ (NoSigningKey::Malformed | NoSigningKey::Unencodable)) => {
                    return Err(failed(error.to_string()));
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use cardwarden_policy::trust::Anchor;

    use super::*;

    #[test]
    fn a_new_key_signs_is_secret_and_is_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        for algorithm in [Algorithm::P256, Algorithm::Ed25519] {
            let arguments = Keygen {
                algorithm,
                key: directory.path().join(format!("{algorithm:?}.key")),
                public: directory.path().join(format!("{algorithm:?}.pem")),
            };
            keygen(&arguments).unwrap();
            let mode = std::fs::metadata(&arguments.key)
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
            let key = crate::release::signing_key(&arguments.key).unwrap();
            let public = std::fs::read_to_string(&arguments.public).unwrap();
            assert_eq!(
                Anchor::from_pem(&public).unwrap().id(),
                key.anchor().unwrap().id()
            );

            let before = std::fs::read(&arguments.key).unwrap();
            assert!(
                keygen(&arguments)
                    .unwrap_err()
                    .text
                    .contains("exists already")
            );
            assert_eq!(std::fs::read(&arguments.key).unwrap(), before);
        }
    }

    #[test]
    fn a_mistake_in_a_policy_is_shown_with_its_file_and_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("office.toml");
        file::create(&path, b"contact = \"x\"\ncolour = 1\n", Readable::All).unwrap();
        let text = check(&path).unwrap_err().text;
        assert!(
            text.contains("office.toml") && text.contains("line 2"),
            "{text}"
        );
    }

    #[test]
    fn a_policy_is_described_as_people_say_it() {
        let policy = Policy::from_toml(
            "contact = \"security@b.example\"\nbaseline.nfc = \"disable\"\n\
             [[rules]]\nid = \"no-pictures\"\nfunctions = [\"camera\"]\naction = \"disable\"\n",
        )
        .unwrap();
        assert_eq!(
            describe(Path::new("office.toml"), &policy, 120),
            "office.toml is a policy: 120 bytes on a card.\n  contact   security@b.example\n  \
             baseline  nfc off\n  rule      no-pictures: camera off always\n"
        );
    }
}
