//! `cardwarden policy apply`: a signed policy is handed to the agent of this device.

use std::path::Path;

use cardwarden_dbus::{Agent, Snapshot};
use cardwarden_policy::trust::MAX_POLICY;

use crate::agent;
use crate::failure::Failure;
use crate::file;
use crate::output::{Output, harmless};

/// Hands a policy to the agent; whether it is believed is the agent's to say.
pub(super) fn apply(path: &Path) -> Result<Output, Failure> {
    let policy = file::read(path, MAX_POLICY)?;
    agent::ask(async |bus| {
        let before = Snapshot::read(&bus).await?.agent;
        agent::proxy(&bus).await?.deliver(&policy).await?;
        let after = Snapshot::read(&bus).await?.agent;
        Ok(Output::text(outcome(&before, &after)))
    })
}

/// What the policy replaced.
fn outcome(before: &Agent, after: &Agent) -> String {
    let is_new = |known: &&cardwarden_dbus::Association| !before.associations.contains(known);
    after.associations.iter().find(is_new).map_or_else(
        || "the policy is in force already\n".to_owned(),
        |known| {
            format!(
                "version {} of the policy of {} is in force\n",
                known.version,
                harmless(&known.company)
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::tests::association;

    #[test]
    fn what_came_into_force_is_told_and_so_is_that_nothing_changed() {
        let with = |version| {
            let mut known = association();
            known.version = version;
            Agent {
                associations: vec![known],
                ..Agent::default()
            }
        };
        assert_eq!(
            outcome(&with(1), &with(2)),
            "version 2 of the policy of B Company is in force\n"
        );
        assert_eq!(
            outcome(&with(2), &with(2)),
            "the policy is in force already\n"
        );
    }
}
