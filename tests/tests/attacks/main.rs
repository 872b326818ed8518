//! Every attack of `tests/attacks`, by a user and as root, on both kernels, against a machine where everything is off;
//! and once where nothing stands in its way, where it has to succeed.

mod ground;

use anyhow::{Context as _, Result, ensure};
use cardwarden_tests::attacks::{self, Control, Record, Vector, Verdict, Who};
use cardwarden_tests::pins::Kernel;
use cardwarden_tests::say::progress;
use ground::{Attempt, Ground, InForce};

/// One test for each section and kernel, and one for its controls.
macro_rules! sections {
    ($($name:ident = $section:literal),+ $(,)?) => {$(
        mod $name {
            #[test]
            fn on_6_1() -> anyhow::Result<()> {
                super::tried($section, super::Kernel::V6_1)
            }
            #[test]
            fn on_6_12() -> anyhow::Result<()> {
                super::tried($section, super::Kernel::V6_12)
            }
            #[test]
            fn succeed_where_nothing_stands_in_their_way() -> anyhow::Result<()> {
                super::controlled($section)
            }
        }
    )+};
}

sections! {
    nodes = 0,
    cameras = 1,
    bluetooth = 2,
    usb = 3,
    others = 4,
    surfaces = 5,
    enforcer = 6,
}

/// With this in the environment, only attacks whose numbers it lists are tried.
const ONLY: &str = "CARDWARDEN_ATTACKS";

/// The section's attacks: those that share a machine first, by what is in force there.
fn section(number: usize) -> Result<Vec<Vector>> {
    let only = std::env::var(ONLY).ok();
    let is_wanted = |vector: &Vector| {
        only.as_ref()
            .is_none_or(|list| list.split(',').any(|one| one.parse() == Ok(vector.number)))
    };
    let mut vectors = attacks::vectors()?;
    vectors.retain(|vector| vector.section() == number && is_wanted(vector));
    vectors.sort_by_key(|vector| (vector.is_alone, vector.start, vector.number));
    Ok(vectors)
}

fn finish(record: &Record, name: &str, broken: &[String]) -> Result<()> {
    record.keep(name)?;
    ensure!(broken.is_empty(), "{}", broken.join("\n"));
    Ok(())
}

fn tried(number: usize, kernel: Kernel) -> Result<()> {
    let mut record = Record::default();
    let mut broken = Vec::new();
    let mut ground = Ground::new(kernel, InForce::Everything);
    for vector in section(number)? {
        if !vector.kernels().contains(&kernel) {
            continue;
        }
        for who in &vector.by {
            match meets(&mut ground, &vector, *who) {
                Ok((verdict, complaint)) => {
                    record.note(&vector, *who, kernel, verdict);
                    broken.extend(complaint.inspect(|complaint| progress(complaint)));
                }
                Err(error) => {
                    ground.leave(true);
                    let complaint = format!("{} as {}: {error:#}", vector.file, who.name());
                    progress(&complaint);
                    broken.push(complaint);
                }
            }
        }
    }
    finish(&record, &format!("{number}-{}", kernel.name()), &broken)
}

/// What came of it, and what is wrong with that.
fn meets(ground: &mut Ground, vector: &Vector, who: Who) -> Result<(Verdict, Option<String>)> {
    let attempt = ground.attempt(vector, who)?;
    let of_it = |what: &str| {
        format!(
            "{} as {}: {what} ({})",
            vector.file,
            who.name(),
            attempt.said
        )
    };
    if attempt.succeeded {
        let is_finding = !vector.is_open(who);
        // The next one is to find a machine where nothing has happened.
        if is_finding || !vector.is_harmless || ground.stands().is_err() {
            ground.leave(is_finding);
        }
        let complaint = is_finding.then(|| of_it("it succeeds"));
        return Ok((Verdict::Succeeded, complaint));
    }
    let stands = ground.stands();
    if vector.is_alone || stands.is_err() {
        ground.leave(stands.is_err());
    }
    if let Err(error) = stands {
        let complaint = of_it(&format!("refused, and after it: {error:#}"));
        return Ok((Verdict::Succeeded, Some(complaint)));
    }
    let complaint = vector
        .is_open(who)
        .then(|| of_it("it is refused now: `expect:` says otherwise"));
    Ok((Verdict::Refused, complaint))
}

/// Where nothing stands in its way, each succeeds for one who tries it at least.
fn controlled(number: usize) -> Result<()> {
    let mut record = Record::of_controls();
    let mut broken = Vec::new();
    for kernel in Kernel::ALL {
        for in_force in [InForce::Nothing, InForce::Unguarded] {
            let mut ground = Ground::new(kernel, in_force);
            for vector in section(number)? {
                let is_here = vector.kernels().first() == Some(&kernel)
                    && freed_by(&vector) == in_force
                    && vector.control == Control::Succeeds;
                if is_here {
                    broken.extend(succeeds(&mut ground, &vector, kernel, &mut record));
                }
            }
        }
    }
    finish(&record, &format!("{number}-control"), &broken)
}

/// Where nothing stands in the way of an attack. What only the guard keeps has to be there to be undone.
fn freed_by(vector: &Vector) -> InForce {
    if vector.stands == "guard" {
        InForce::Unguarded
    } else {
        InForce::Nothing
    }
}

/// A complaint if it succeeds for nobody.
fn succeeds(
    ground: &mut Ground,
    vector: &Vector,
    kernel: Kernel,
    record: &mut Record,
) -> Option<String> {
    let mut said = Vec::new();
    for who in &vector.by {
        match tries(ground, vector, *who) {
            Ok(Attempt {
                succeeded: true, ..
            }) => record.note(vector, *who, kernel, Verdict::Succeeded),
            Ok(attempt) => {
                record.note(vector, *who, kernel, Verdict::Refused);
                said.push(attempt.said);
            }
            Err(error) => said.push(format!("{error:#}")),
        }
    }
    if said.len() < vector.by.len() {
        return None;
    }
    let complaint = format!("{}: succeeds for nobody: {}", vector.file, said.join("; "));
    progress(&complaint);
    Some(complaint)
}

fn tries(ground: &mut Ground, vector: &Vector, who: Who) -> Result<Attempt> {
    let attempt = ground.attempt(vector, who);
    // What the guard keeps is what all others stand on.
    let is_of_guard = vector.stands.starts_with("guard");
    let is_spoilt = (is_of_guard || vector.is_open(who)) && !vector.is_harmless;
    if vector.is_alone || is_spoilt || attempt.is_err() {
        ground.leave(false);
    }
    attempt.with_context(|| format!("as {}", who.name()))
}
