//! Cards: how many exchanges reading takes, counted on real firmware, and how long it takes until a card's policy
//! holds, in the agent's own figures.

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Figure, median, number};
use crate::image::product;
use crate::pins::Kernel;
use crate::run::Run;
use crate::scenario;

/// A kind of card: its figures at short and at extended length, their bounds, and the program that counts them.
struct Count {
    program: &'static str,
    arguments: &'static [&'static str],
    short: (&'static str, f64),
    extended: (&'static str, f64),
}

/// Exchanges for a manifest of some 490 bytes and a group of 1,500, the proof that the card is no copy not counted.
const COUNTS: &[Count] = &[
    Count {
        program: "lab-card",
        arguments: &["--profile", "piv"],
        short: ("card.apdus_piv", 9.0),
        extended: ("card.apdus_piv_extended", 3.0),
    },
    Count {
        program: "lab-card",
        arguments: &["--profile", "openpgp"],
        short: ("card.apdus_openpgp", 10.0),
        extended: ("card.apdus_openpgp_extended", 4.0),
    },
    Count {
        program: "iso-card",
        arguments: &[],
        short: ("card.apdus_pkcs15", 11.0),
        extended: ("card.apdus_pkcs15_extended", 7.0),
    },
];

/// Measures it all.
pub(super) fn measure(figures: &mut Vec<Figure>) -> Result<()> {
    exchanges(figures)?;
    times(figures)
}

fn exchanges(figures: &mut Vec<Figure>) -> Result<()> {
    product::build_cards()?;
    for count in COUNTS {
        for ((key, bound), option) in [(count.short, None), (count.extended, Some("--extended"))] {
            let text = Run::new(product::card_program(count.program))
                .arg("count")
                .args(count.arguments)
                .args(option)
                .text()?;
            let counted: Value = serde_json::from_str(&text).context("read the count")?;
            figures.push(Figure {
                key,
                value: number(&scenario::number(&counted, "/apdus").to_string())?,
                bound: Some(bound),
                unit: "exchanges",
            });
        }
    }
    Ok(())
}

/// The agent's figures of one insertion; the name in its timings, and ours.
const PARTS: [(&str, &str); 6] = [
    ("apdus", "card.apdus"),
    ("read", "card.read_ms"),
    ("verify", "card.verify_ms"),
    ("decide", "card.decide_ms"),
    ("apply", "card.apply_ms"),
    ("probe", "card.probe_ms"),
];

/// From pcscd's event until the kernel refuses; of each figure the median of three insertions.
fn times(figures: &mut Vec<Figure>) -> Result<()> {
    let mut runs = Vec::new();
    for _ in 0..3 {
        let mut machine = scenario::before_the_card(Kernel::V6_1)?;
        scenario::insert(&mut machine, scenario::OFFICE, "")?;
        scenario::is_off(&mut machine)?;
        let status = scenario::status(&mut machine)?;
        let timings = status.get("timings").cloned();
        runs.push(timings.context("the agent tells no timings")?);
    }
    let part = |timings: &Value, name: &str| {
        number(&scenario::number(timings, &format!("/{name}")).to_string())
    };
    let typical = |of: &dyn Fn(&Value) -> Result<f64>| {
        median(runs.iter().map(of).collect::<Result<Vec<f64>>>()?)
    };
    let milliseconds = |name: &str| typical(&|timings| Ok(part(timings, name)? / 1000.0));
    let bounded = [
        (
            "card.inserted_to_enforced_ms",
            milliseconds("total")?,
            1000.0,
        ),
        // The same, less what card and reader took to answer.
        (
            "card.inserted_to_associated_ms",
            typical(&|run| Ok((part(run, "total")? - part(run, "exchange")?) / 1000.0))?,
            400.0,
        ),
        ("card.event_to_first_apdu_ms", milliseconds("first")?, 20.0),
    ];
    for (key, value, bound) in bounded {
        figures.push(Figure {
            key,
            value,
            bound: Some(bound),
            unit: "ms",
        });
    }
    for (name, key) in PARTS {
        let is_count = name == "apdus";
        figures.push(Figure {
            key,
            value: if is_count {
                typical(&|timings| part(timings, name))?
            } else {
                milliseconds(name)?
            },
            bound: None,
            unit: if is_count { "exchanges" } else { "ms" },
        });
    }
    Ok(())
}
