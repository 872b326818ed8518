//! `cargo xtask fuzz`: libFuzzer over every target of `tests/fuzz`, then the property tests with other numbers than
//! in every other run; and the short, always same run that is part of `cargo xtask test`.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};

use crate::place;
use crate::run::Run;
use crate::say::progress;
use crate::setup;
use crate::suite;

/// What stands for the property tests where a target is named.
pub const PROPERTIES: &str = "properties";

/// The seed of runs that are to be the same every time.
const SAME_SEED: u64 = 1;

/// The longest that one input may take, in seconds; the slowest known takes milliseconds.
const SLOWEST: u32 = 10;

/// The most memory that one run may take, in MiB; they take about 40.
const MEMORY: u32 = 1024;

/// Lines of libFuzzer's output that are shown when it has found something.
const TAIL: usize = 40;

/// What a person asks for.
#[derive(Debug)]
pub struct Wish {
    /// Only this target, or [`PROPERTIES`].
    pub target: Option<String>,
    /// How long each target is run.
    pub seconds: u64,
    /// How many cases each property test tries.
    pub cases: u32,
    /// Only these bytes, once.
    pub input: Option<PathBuf>,
}

/// How far a run of libFuzzer goes.
#[derive(Debug, Clone, Copy)]
enum Extent {
    /// As many inputs as the target says, from the seeds alone, the same every time.
    Bounded,
    /// So many seconds, from this seed, with all that earlier runs came upon.
    Seconds(u64, u64),
}

/// The program that libFuzzer drives, and what its targets want to know.
struct Fuzzer {
    program: PathBuf,
    /// A folder for each target.
    prepared: PathBuf,
}

/// Does what a person asks for; returns whether nothing was found.
pub fn run(wish: &Wish) -> Result<bool> {
    let only = wish.target.as_deref();
    let mut is_clean = true;
    if only != Some(PROPERTIES) {
        let fuzzer = Fuzzer::build()?;
        let targets = fuzzer.targets(only)?;
        if let Some(input) = &wish.input {
            let [target] = targets.as_slice() else {
                bail!("say which target these bytes are for");
            };
            return Ok(fuzzer.try_once(target, input));
        }
        let seed = fresh_seed();
        progress(format!(
            "fuzz: {} targets, {} s each, as many at once as there are processors (seed {seed})",
            targets.len(),
            wish.seconds
        ));
        is_clean &= fuzzer.try_all(&targets, Extent::Seconds(wish.seconds, seed))?;
    }
    if only.is_none_or(|only| only == PROPERTIES) {
        is_clean &= properties(wish.cases);
    }
    Ok(is_clean)
}

/// The part of the tests: a bounded number of inputs for every target.
pub fn bounded() -> Result<()> {
    let fuzzer = Fuzzer::build()?;
    let targets = fuzzer.targets(None)?;
    progress(format!(
        "test: fuzzing {} targets, the same inputs every time",
        targets.len()
    ));
    ensure!(
        fuzzer.try_all(&targets, Extent::Bounded)?,
        "fuzzing found something"
    );
    Ok(())
}

/// Property tests draw the same numbers in every run of the tests, so that what passes here passes there.
pub fn with_same_seed(run: Run) -> Run {
    run.env("PROPTEST_RNG_SEED", SAME_SEED.to_string())
}

fn properties(cases: u32) -> bool {
    let seed = fresh_seed();
    progress(format!(
        "fuzz: property tests, {cases} cases each (again: PROPTEST_RNG_SEED={seed} PROPTEST_CASES={cases} cargo test)"
    ));
    let run = suite::crates()
        .env("PROPTEST_RNG_SEED", seed.to_string())
        .env("PROPTEST_CASES", cases.to_string())
        .visibly();
    if let Err(error) = &run {
        progress(format!("fuzz: {error:#}"));
    }
    run.is_ok()
}

/// libFuzzer takes 32 bits.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish() & u64::from(u32::MAX)
}

impl Fuzzer {
    fn build() -> Result<Self> {
        progress("fuzz: building the targets with coverage (a few minutes the first time)");
        let version = Run::new("rustc").arg("-vV").text()?;
        let host = version
            .lines()
            .find_map(|line| line.strip_prefix("host: "))
            .context("rustc does not say what it runs on")?
            .to_owned();
        // With a target named, only what runs in the fuzzer is built with coverage, and no build script.
        setup::cargo()
            .args(["build", "--quiet", "--config", "tests/fuzz/build.toml"])
            .args(["--profile", "fuzz", "--target", &host])
            .args(["--package", "cardwarden-fuzz", "--features", "libfuzzer"])
            .without_env("RUSTFLAGS")
            .current_dir(place::repository())
            .visibly()?;
        let fuzzer = Self {
            program: place::target().join(host).join("fuzz/fuzz"),
            prepared: folder("prepared")?,
        };
        clear(&fuzzer.prepared)?;
        Run::new(&fuzzer.program)
            .env("CARDWARDEN_FUZZ_SEEDS", &fuzzer.prepared)
            .quietly()?;
        Ok(fuzzer)
    }

    /// The targets' names, in order; only this one if one is wanted.
    fn targets(&self, only: Option<&str>) -> Result<Vec<String>> {
        let entries = std::fs::read_dir(&self.prepared)
            .with_context(|| format!("list {}", self.prepared.display()))?;
        let mut names: Vec<String> = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let Some(only) = only else {
            return Ok(names);
        };
        ensure!(
            names.iter().any(|name| name == only),
            "there is no target '{only}'; there are {}, {PROPERTIES}",
            names.join(", ")
        );
        Ok(vec![only.to_owned()])
    }

    /// Tries all of them, as many at once as there are processors; returns whether nothing was found.
    fn try_all(&self, targets: &[String], extent: Extent) -> Result<bool> {
        let queue = Mutex::new(targets.iter());
        let results = Mutex::new(Vec::new());
        let lanes = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..lanes {
                scope.spawn(|| {
                    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    while let Some(target) = next() {
                        let result = self.try_target(target, extent);
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        results.push(result.with_context(|| format!("fuzz {target}")));
                    }
                });
            }
        });
        let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        results
            .into_iter()
            .try_fold(true, |is_clean, result| Ok(result? && is_clean))
    }

    /// Tries one target; returns whether nothing was found.
    fn try_target(&self, target: &str, extent: Extent) -> Result<bool> {
        let found = folder(&format!("found/{target}"))?;
        let before = newest(&found);
        let run = self.libfuzzer(target, extent)?;
        let run = run.arg(format!("-artifact_prefix={}/", found.display()));
        let mut child = run
            .into_command()
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start libFuzzer")?;
        let mut tail = VecDeque::new();
        let mut last = Progress::default();
        let lines = child.stderr.take().context("libFuzzer says nothing")?;
        for line in BufReader::new(lines).lines() {
            let line = line.context("read what libFuzzer says")?;
            last.follow(&line, target, extent);
            tail.push_back(line);
            if tail.len() > TAIL {
                tail.pop_front();
            }
        }
        let status = child.wait().context("wait for libFuzzer")?;
        if status.success() {
            progress(format!("fuzz: {target}: {last}, nothing found"));
            return Ok(true);
        }
        for line in &tail {
            progress(format!("  {line}"));
        }
        let Some(input) = newest(&found).filter(|_| newest(&found) != before) else {
            bail!("libFuzzer ended with {status} and kept no input");
        };
        progress(format!(
            "fuzz: {target}: FOUND after {last}: {input}\n  again: cargo xtask fuzz {target} --input {input}\n  \
             once mended, keep it in tests/fuzz/found/{target}/",
            input = input.display()
        ));
        Ok(false)
    }

    fn libfuzzer(&self, target: &str, extent: Extent) -> Result<Run> {
        let prepared = self.prepared.join(target);
        let told = |what: &str| {
            let path = prepared.join(what);
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
        };
        let run = Run::new(&self.program)
            .env("CARDWARDEN_FUZZ_TARGET", target)
            .arg(format!("-max_len={}", told("longest")?))
            .arg(format!("-dict={}", prepared.join("words").display()))
            .arg(format!("-timeout={SLOWEST}"))
            .arg(format!("-rss_limit_mb={MEMORY}"));
        // What is new goes to the first folder.
        let (run, corpus) = match extent {
            Extent::Bounded => {
                let corpus = folder(&format!("bounded/{target}"))?;
                clear(&corpus)?;
                let run = run
                    .arg(format!("-runs={}", told("inputs")?))
                    .arg(format!("-seed={SAME_SEED}"));
                (run, corpus)
            }
            Extent::Seconds(seconds, seed) => {
                let run = run
                    .arg(format!("-max_total_time={seconds}"))
                    .arg(format!("-seed={seed}"));
                (run, folder(&format!("corpus/{target}"))?)
            }
        };
        let kept = place::repository().join("tests/fuzz/found").join(target);
        let kept = Some(kept).filter(|kept| kept.is_dir());
        Ok(run.arg(corpus).arg(prepared.join("seeds")).args(kept))
    }

    /// Tries the bytes of one file; returns whether the law holds.
    fn try_once(&self, target: &str, input: &Path) -> bool {
        let run = Run::new(&self.program)
            .env("CARDWARDEN_FUZZ_TARGET", target)
            .arg(format!("-timeout={SLOWEST}"))
            .arg(input);
        let result = run.visibly();
        let is_kept = result.is_ok();
        let verdict = if is_kept {
            "the law holds"
        } else {
            "the law is broken"
        };
        progress(format!("fuzz: {target}: {verdict} for {}", input.display()));
        is_kept
    }
}

/// How far libFuzzer has come, in its own numbers.
#[derive(Default)]
struct Progress {
    inputs: u64,
    places: u64,
}

impl Progress {
    /// Reads a line such as `#4096  pulse  cov: 812 ft: 1200 …`; says so now and then in a long run.
    fn follow(&mut self, line: &str, target: &str, extent: Extent) {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.strip_prefix('#'));
        let Some(inputs) = number.and_then(|number| number.parse().ok()) else {
            return;
        };
        self.inputs = inputs;
        let event = words.next().unwrap_or_default();
        let places = words.skip_while(|word| *word != "cov:").nth(1);
        self.places = places
            .and_then(|word| word.parse().ok())
            .unwrap_or(self.places);
        if event == "pulse" && matches!(extent, Extent::Seconds(..)) {
            progress(format!("fuzz: {target}: {self} so far"));
        }
    }
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} inputs, {} places of the code reached",
            self.inputs, self.places
        )
    }
}

/// A folder below `target/fuzz`, made if it is missing.
fn folder(name: &str) -> Result<PathBuf> {
    let dir = place::target().join("fuzz").join(name);
    std::fs::create_dir_all(&dir).with_context(|| format!("make folder {}", dir.display()))?;
    Ok(dir)
}

fn clear(dir: &Path) -> Result<()> {
    std::fs::remove_dir_all(dir).with_context(|| format!("empty {}", dir.display()))?;
    std::fs::create_dir_all(dir).with_context(|| format!("make folder {}", dir.display()))
}

/// The file of a folder that was written last.
fn newest(dir: &Path) -> Option<PathBuf> {
    let files = std::fs::read_dir(dir).ok()?.flatten();
    let dated =
        files.filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
    dated.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use super::{Extent, Progress};

    #[test]
    fn libfuzzers_lines_are_understood() {
        let mut progress = Progress::default();
        for line in [
            "INFO: seed corpus: files: 6 min: 604b max: 2063b total: 7311b rss: 31Mb",
            "#6\tINITED cov: 1201 ft: 2209 corp: 6/7311b exec/s: 0 rss: 33Mb",
            "#20000\tDONE   cov: 1822 ft: 4411 corp: 611/300Kb lim: 4096 exec/s: 6666 rss: 33Mb",
            "Done 20000 runs in 3 second(s)",
        ] {
            progress.follow(line, "any", Extent::Bounded);
        }
        assert_eq!(
            progress.to_string(),
            "20000 inputs, 1822 places of the code reached"
        );
    }
}
