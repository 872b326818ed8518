//! `cardwarden policy calendar`: a week of a policy, in the terminal and as a picture.

mod picture;
mod screen;
mod week;

use std::path::Path;

use cardwarden_policy::Context;
use jiff::Timestamp;

use super::args::Calendar;
use super::document;
use super::simulation::{Simulation, zone};
use super::surroundings::unknown;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::output::{Lines, Output, Paint, harmless};
use week::Week;

/// Shows a week, or draws it.
pub(super) fn calendar(arguments: &Calendar, paint: Paint) -> Result<Output, Failure> {
    let policy = document::read(&arguments.file)?;
    let zone = zone(&policy);
    let day = arguments
        .week
        .unwrap_or_else(|| Timestamp::now().to_zoned(zone.clone()).date());
    let monday = week::monday(day)
        .ok_or_else(|| Failure::new(format!("--week {day}: the calendar ends before that")))?;
    let begin = zone
        .to_ambiguous_timestamp(monday.into())
        .compatible()
        .map_err(|error| Failure::because(format!("--week {day}"), &error))?;
    let context = Context {
        facts: arguments.around.facts(begin)?,
        usb: Vec::new(),
    };
    let unknown = unknown(&policy, &context.facts);
    let simulation = Simulation::new(policy, context, begin)?;
    let week = Week::of(&simulation, monday, unknown)?;
    let mut written = Lines::default();
    let mut write = |path: &Path, picture: Vec<u8>| {
        file::create(path, &picture, Readable::All)?;
        written.add(&format!(
            "{} is drawn",
            harmless(&path.display().to_string())
        ));
        Ok::<(), Failure>(())
    };
    if let Some(path) = &arguments.svg {
        write(path, picture::svg(&week))?;
    }
    if let Some(path) = &arguments.png {
        write(path, picture::png(&week)?)?;
    }
    let written = written.into_text();
    if arguments.json {
        return Ok(Output::json(&week)?.noting(written));
    }
    if written.is_empty() {
        return Ok(Output::text(screen::show(&week, paint, screen::width())));
    }
    Ok(Output::text(written))
}
