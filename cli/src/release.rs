//! `cardwarden release`: the company signs that a device may go; the device's agent is told.

use std::path::Path;

use cardwarden_dbus::{Agent, Association, Snapshot};
use cardwarden_policy::Release;
use cardwarden_policy::trust::{Signed as _, sign};
use jiff::tz::TimeZone;
use zbus::Connection;

use crate::agent;
use crate::args::Issue;
use crate::failure::Failure;
use crate::file::{self, Readable};
use crate::key;
use crate::output::{Output, Paint, harmless};
use crate::status::Screen;

/// Signs a release.
pub(crate) fn issue(issue: &Issue) -> Result<Output, Failure> {
    let key = key::open(&issue.signing)?;
    let release = Release {
        company: issue.company.clone(),
        device: issue.device.clone(),
        association: issue.association,
        from: issue.from,
    };
    let statement = sign(&key, &release)
        .map_err(|error| Failure::because("the release cannot be signed", &error))?;
    file::create(&issue.out, &statement, Readable::All)?;
    Ok(Output::text(format!(
        "{} lets {} go once it is applied there: cardwarden release apply {}\n",
        harmless(&issue.company),
        issue.device,
        issue.out.display()
    )))
}

/// Reads a release; whether it is believed is the agent's to say.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    file::read(path, Release::MAX)
}

/// Hands a release to the agent.
pub(crate) async fn apply(bus: &Connection, statement: &[u8]) -> Result<Output, Failure> {
    let before = Snapshot::read(bus).await?.agent;
    agent::proxy(bus).await?.release(statement).await?;
    let after = Snapshot::read(bus).await?.agent;
    let screen = Screen {
        paint: Paint::Plain,
        zone: TimeZone::system(),
    };
    Ok(Output::text(outcome(&before, &after, &screen)))
}

/// Whom the device is rid of, and who lets it go later.
fn outcome(before: &Agent, after: &Agent, screen: &Screen) -> String {
    let later = after.associations.iter().find(|known| {
        let ended = |earlier: &Association| earlier.id == known.id && earlier.ends == known.ends;
        known.ends != 0 && !before.associations.iter().any(ended)
    });
    match later {
        Some(known) => format!(
            "{} lets the device go on {}; until then everything stays as it is\n",
            harmless(&known.company),
            screen.time(known.ends)
        ),
        None => "the device is released\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::{association, screen};

    fn with(ends: &[i64]) -> Agent {
        let known = |ends: &i64| Association {
            ends: *ends,
            ..association()
        };
        Agent {
            associations: ends.iter().map(known).collect(),
            ..Agent::default()
        }
    }

    #[test]
    fn a_release_of_a_later_date_is_told_as_such() {
        assert_eq!(
            outcome(&with(&[0]), &with(&[]), &screen()),
            "the device is released\n"
        );
        assert_eq!(
            outcome(&with(&[0]), &with(&[1_800_028_800]), &screen()),
            "B Company lets the device go on Fri 2027-01-15 16:00; until then everything stays as \
             it is\n"
        );
    }
}
