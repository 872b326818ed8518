//! The table of `docs/ATTACKS.md`.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::record::{self, Found, Verdict};
use super::{SECTIONS, Vector, Who, vectors};
use crate::bench::{self, Figure};
use crate::place;
use crate::say::progress;

const START: &str = "<!-- attacks: `cargo xtask attacks` writes this -->\n";
const END: &str = "<!-- end of the attacks -->\n";

fn page() -> PathBuf {
    place::repository().join("docs/ATTACKS.md")
}

fn text(path: &str) -> Result<String> {
    let path = place::repository().join(path);
    std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// Writes the table from what the last run of the attacks found, and prints how many there are.
pub fn rewrite() -> Result<()> {
    bench::print(&figures()?);
    let page = page();
    let old = text("docs/ATTACKS.md")?;
    let fresh = with_table(&old, &table(&vectors()?, &record::read()?)?)?;
    if fresh == old {
        progress("attacks: the table is as the results say");
        return Ok(());
    }
    place::write_whole(&page, fresh)?;
    progress(format!("attacks: wrote {}", page.display()));
    Ok(())
}

/// An error if the table is not what the last run found, or SECURITY.md does not tell of what stays open.
pub fn check() -> Result<()> {
    let (vectors, found) = (vectors()?, record::read()?);
    let old = text("docs/ATTACKS.md")?;
    let unlisted = unlisted(&vectors, &found)?;
    ensure!(
        unlisted.is_empty(),
        "SECURITY.md does not say under \"Stays open\": {}",
        unlisted.join("; ")
    );
    ensure!(
        with_table(&old, &table(&vectors, &found)?)? == old,
        "the table of {} is not what the attacks found; `cargo xtask attacks` writes it",
        page().display()
    );
    Ok(())
}

/// How many there are, and how many of them succeed.
pub fn figures() -> Result<Vec<Figure>> {
    let (vectors, found) = (vectors()?, record::read()?);
    let open = vectors
        .iter()
        .filter(|vector| succeeds(vector, &found))
        .count();
    let unlisted = unlisted(&vectors, &found)?.len();
    let figure = |key, count: usize, bound, unit| -> Result<Figure> {
        Ok(Figure {
            key,
            value: u32::try_from(count).context("too many")?.into(),
            bound,
            unit,
        })
    };
    Ok(vec![
        figure("attacks.vectors", vectors.len(), None, "attacks")?,
        figure(
            "attacks.open_listed",
            open - unlisted,
            None,
            "succeed, and SECURITY.md says so",
        )?,
        figure(
            "attacks.open_unlisted",
            unlisted,
            Some(0.0),
            "succeed, and it does not",
        )?,
    ])
}

fn succeeds(vector: &Vector, found: &Found) -> bool {
    let of_it = |((number, _, _), verdict): (&(u32, Who, _), &Verdict)| {
        *number == vector.number && *verdict == Verdict::Succeeded
    };
    found.iter().any(of_it)
}

/// What succeeds, and no line under "Stays open" tells of it.
fn unlisted(vectors: &[Vector], found: &Found) -> Result<Vec<String>> {
    let security = text("SECURITY.md")?;
    let (_, open) = security
        .split_once("## Stays open")
        .context("SECURITY.md does not say what stays open")?;
    let open = open.split("\n## ").next().unwrap_or_default();
    Ok(vectors
        .iter()
        .filter(|vector| succeeds(vector, found))
        .filter(|vector| vector.listed.is_empty() || !open.contains(&vector.listed))
        .map(|vector| vector.file.clone())
        .collect())
}

fn with_table(text: &str, table: &str) -> Result<String> {
    let (before, rest) = text.split_once(START).context("the page has no table")?;
    let (_, after) = rest.split_once(END).context("the table has no end")?;
    Ok(format!("{before}{START}{table}{END}{after}"))
}

fn table(vectors: &[Vector], found: &Found) -> Result<String> {
    let mut table = String::new();
    for (index, section) in SECTIONS.into_iter().enumerate() {
        write!(
            table,
            "\n### {section}\n\n| | attempt | as a user | as root | stopped by, or why open |\n|---|---|---|---|---|\n"
        )?;
        for vector in vectors.iter().filter(|vector| vector.section() == index) {
            let user = cell(vector, Who::User, found)?;
            let root = cell(vector, Who::Root, found)?;
            let reason = if vector.why.is_empty() {
                &vector.stands
            } else {
                &vector.why
            };
            writeln!(
                table,
                "| {:03} | {} | {user} | {root} | {reason} |",
                vector.number, vector.title
            )?;
        }
    }
    table.push('\n');
    Ok(table)
}

/// What came of it for one of them, on all kernels or on each.
fn cell(vector: &Vector, who: Who, found: &Found) -> Result<String> {
    if !vector.by.contains(&who) {
        return Ok("–".to_owned());
    }
    let mut each = Vec::new();
    for kernel in vector.kernels() {
        let verdict = found.get(&(vector.number, who, kernel)).with_context(|| {
            format!(
                "{} was not tried as {} on {}",
                vector.file,
                who.name(),
                kernel.name()
            )
        })?;
        each.push((kernel, *verdict));
    }
    let first = each.first().map(|(_, verdict)| *verdict);
    let are_same = each.iter().all(|(_, verdict)| Some(*verdict) == first);
    let words: Vec<String> = each
        .iter()
        .map(|(kernel, verdict)| {
            let word = match verdict {
                Verdict::Refused => "refused",
                Verdict::NotPermitted => "no permission anyway",
                Verdict::Succeeded => "**open**",
            };
            if are_same && vector.kernel.is_none() {
                word.to_owned()
            } else {
                format!("{word} ({})", kernel.name())
            }
        })
        .collect();
    let shown = if are_same { 1 } else { words.len() };
    Ok(words.into_iter().take(shown).collect::<Vec<_>>().join(", "))
}
