//! What everything that reads strangers' bytes has to keep to, as functions over bytes: each panics when its law is
//! broken, and does nothing else. libFuzzer looks for such bytes (`cargo xtask fuzz`); the unit tests only try the
//! seeds.
//!
//! Seeds are made by the product's own code, so that they are right in every version of every format; what fuzzing
//! has found is kept beside them as files in `found/`, by target.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a panic is the finding, and seeds are made of what is known to be right"
)]

mod card;
mod company;
mod management;
mod policy;
mod signed;

use std::io;
use std::path::Path;

/// One thing that reads strangers' bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, for people and folders.
    pub name: &'static str,
    /// Tries some bytes; panics when the law is broken.
    pub check: fn(&[u8]),
    /// Bytes to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of the language, which no mutation of bytes would ever come upon.
    pub words: &'static [&'static str],
    /// How many inputs the tests try: as many as take some seconds.
    pub inputs: u32,
    /// Most bytes that are tried at once: somewhat more than the longest seed.
    pub longest: usize,
}

/// Inputs in the tests for what reads and writes only.
const QUICK: u32 = 50_000;
/// Inputs in the tests for what checks signatures.
const SLOW: u32 = 5_000;

/// Every target.
pub const TARGETS: &[Target] = &[
    policy::TOML,
    policy::USBGUARD,
    policy::DESCRIPTORS,
    signed::SIGNED,
    signed::PART,
    signed::PAYLOAD,
    signed::GROUP,
    signed::DELEGATED,
    card::TLV,
    card::ANSWERS,
    card::LENGTHS,
    card::CONTENTS,
    management::XML,
    management::WBXML,
    management::TREE,
    management::DESCRIPTION,
    management::CLIENT,
    management::SERVER_SIDE,
];

/// The target of this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

impl Target {
    /// Writes what libFuzzer wants to know: `DIR/NAME/seeds/…`, `words`, `longest` and `inputs`.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let dir = dir.join(self.name);
        let seeds = dir.join("seeds");
        std::fs::create_dir_all(&seeds)?;
        for (number, seed) in (self.seeds)().iter().enumerate() {
            std::fs::write(seeds.join(format!("{number:02}")), seed)?;
        }
        let words: Vec<String> = self.words.iter().map(|word| quoted(word)).collect();
        // libFuzzer takes an empty file for a missing one.
        std::fs::write(
            dir.join("words"),
            format!("# {}\n{}\n", self.name, words.join("\n")),
        )?;
        std::fs::write(dir.join("longest"), self.longest.to_string())?;
        std::fs::write(dir.join("inputs"), self.inputs.to_string())
    }
}

/// A word as libFuzzer's dictionaries spell it.
fn quoted(word: &str) -> String {
    let escaped: Vec<String> = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
    format!("\"{}\"", escaped.concat())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_keeps_the_law_and_is_short_enough() {
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(
                seeds.len() > usize::from(target.name.starts_with("syncml")) * 4,
                "{}",
                target.name
            );
            for seed in seeds {
                assert!(
                    seed.len() <= target.longest,
                    "{}: {}",
                    target.name,
                    seed.len()
                );
                (target.check)(&seed);
            }
        }
    }

    /// What was found once is tried for ever.
    #[test]
    fn what_was_found_is_right_now() {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
        for dir in std::fs::read_dir(found).into_iter().flatten() {
            let dir = dir.unwrap();
            let target = target(dir.file_name().to_str().unwrap())
                .expect("a folder is named after a target");
            for file in std::fs::read_dir(dir.path()).unwrap() {
                (target.check)(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }

    #[test]
    fn no_bytes_at_all_and_many_are_taken_by_every_target() {
        for target in TARGETS {
            (target.check)(&[]);
            (target.check)(&[0; 3000]);
            (target.check)(&[0xFF; 3000]);
        }
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
        assert_eq!(names.len(), TARGETS.len());
    }
}
