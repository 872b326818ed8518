//! Who is logged in, as logind says (`org.freedesktop.login1(5)`).
//!
//! The groups are those that the account has in the user database when the session is looked at;
//! a later change of the database is seen at the session's next event.

use std::collections::BTreeSet;
use std::ffi::CString;

use cardwarden_policy::facts::Session;
use nix::unistd::{Group, User, getgrouplist};
use zbus::OwnedObjectPath;

use super::Slot;
use super::bus::Bus;
use super::service::{Error, Peer, Properties, Service, Signal, follow};

const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";
const SESSION: &str = "org.freedesktop.login1.Session";
/// Sessions that are looked at; logind itself makes no more than 8192 (`SessionsMax=`), which no
/// device that people hold comes near.
const MAX_SESSIONS: usize = 256;
/// The classes of sessions in which a person is logged in (`pam_systemd(8)`). Not among them:
/// greeters, lock screens, background jobs, the services' managers, and a user whose home is
/// still locked (`user-incomplete`).
const CLASSES: [&str; 4] = ["user", "user-early", "user-light", "user-early-light"];

pub(super) async fn provide(bus: Bus, slot: &Slot<Vec<Session>>) {
    follow(bus, &mut Logind, |sessions| slot.tell(sessions)).await;
}

struct Logind;

impl Service for Logind {
    const NAME: &'static str = "org.freedesktop.login1";
    type Fact = Vec<Session>;

    fn signals() -> Vec<Signal> {
        vec![
            Signal::named(MANAGER, "SessionNew"),
            Signal::named(MANAGER, "SessionRemoved"),
            Signal::change_of(SESSION),
        ]
    }

    async fn read(&mut self, peer: &Peer<'_>) -> Result<Option<Vec<Session>>, Error> {
        let listed: Vec<(String, u32, String, String, OwnedObjectPath)> =
            peer.call((PATH, MANAGER), "ListSessions", &()).await?;
        if listed.len() > MAX_SESSIONS {
            return Err(Error::TooMany {
                what: "sessions",
                limit: MAX_SESSIONS,
            });
        }
        let mut sessions = Vec::new();
        for (.., path) in listed {
            match peer.properties((path.as_str(), SESSION)).await {
                Ok(properties) => {
                    if let Some(mut session) = session(&properties)? {
                        session.groups = groups(session.user.clone()).await;
                        sessions.push(session);
                    }
                }
                // It ended after it was listed.
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(sessions))
    }
}

/// A session of a person; `None` for any other, and for one that is ending.
fn session(properties: &Properties) -> Result<Option<Session>, Error> {
    let class = properties.text("Class")?;
    if !CLASSES.contains(&class.as_str()) || properties.text("State")? == "closing" {
        return Ok(None);
    }
    Ok(Some(Session {
        user: properties.text("Name")?,
        groups: BTreeSet::new(),
        active: properties.get("Active")?,
        locked: properties.get("LockedHint")?,
        remote: properties.get("Remote")?,
    }))
}

/// The groups of an account. The user database may be a server's: other work goes on meanwhile.
async fn groups(user: String) -> BTreeSet<String> {
    match tokio::task::spawn_blocking(move || groups_now(&user)).await {
        Ok(groups) => groups,
        Err(error) => {
            tracing::debug!("groups were not looked up: {error}");
            BTreeSet::new()
        }
    }
}

fn groups_now(user: &str) -> BTreeSet<String> {
    let Ok(name) = CString::new(user) else {
        return BTreeSet::new();
    };
    let found = User::from_name(user).and_then(|account| match account {
        Some(account) => getgrouplist(&name, account.gid),
        None => Ok(Vec::new()),
    });
    let ids = match found {
        Ok(ids) => ids,
        Err(errno) => {
            tracing::warn!("cannot look up the groups of {user}: {errno}");
            return BTreeSet::new();
        }
    };
    ids.into_iter()
        .filter_map(|id| Group::from_gid(id).ok().flatten())
        .map(|group| group.name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_in_its_own_group_and_a_stranger_in_none() {
        assert!(groups_now("root").contains("root"));
        assert_eq!(groups_now("nobody-of-that-name"), BTreeSet::new());
        assert_eq!(groups_now("ro\0ot"), BTreeSet::new());
    }
}
