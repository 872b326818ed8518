//! `org.freedesktop.login1`.

use super::{OwnedObjectPath, PrivateBus, changed, object, signal, watch};

const PATH: &str = "/org/freedesktop/login1";
const SESSION: &str = "org.freedesktop.login1.Session";

#[derive(Clone, Default)]
struct State {
    class: String,
    user: String,
    locked: bool,
}

struct Manager(watch::Receiver<Vec<State>>);

#[zbus::interface(name = "org.freedesktop.login1.Manager")]
impl Manager {
    fn list_sessions(&self) -> Vec<(String, u32, String, String, OwnedObjectPath)> {
        let sessions = self.0.borrow();
        let entry = |state: &State| {
            let user = state.user.clone();
            (user.clone(), 1000, user, String::new(), path(&state.user))
        };
        sessions.iter().map(entry).collect()
    }
}

struct Session(watch::Receiver<Vec<State>>, String);

impl Session {
    fn state(&self) -> State {
        let sessions = self.0.borrow();
        let mine = sessions.iter().find(|state| state.user == self.1);
        mine.cloned().unwrap_or_default()
    }
}

#[zbus::interface(name = "org.freedesktop.login1.Session")]
impl Session {
    #[zbus(property)]
    fn name(&self) -> String {
        self.1.clone()
    }
    #[zbus(property)]
    fn class(&self) -> String {
        self.state().class
    }
    #[zbus(property, name = "State")]
    fn stage(&self) -> &'static str {
        "active"
    }
    #[zbus(property)]
    fn active(&self) -> bool {
        true
    }
    #[zbus(property)]
    fn locked_hint(&self) -> bool {
        self.state().locked
    }
    #[zbus(property)]
    fn remote(&self) -> bool {
        false
    }
}

pub(crate) struct Logind {
    bus: zbus::Connection,
    sessions: watch::Sender<Vec<State>>,
}

fn path(user: &str) -> OwnedObjectPath {
    object(&format!("{PATH}/session/{user}"))
}

pub(crate) async fn start(bus: &PrivateBus) -> Logind {
    let (sessions, told) = watch::channel(Vec::new());
    let bus = bus
        .builder()
        .serve_at(PATH, Manager(told))
        .name("org.freedesktop.login1")
        .build()
        .await
        .unwrap();
    Logind { bus, sessions }
}

impl Logind {
    pub(crate) async fn log_in(&self, class: &str, user: &str) {
        let session = Session(self.sessions.subscribe(), user.to_owned());
        self.bus
            .object_server()
            .at(path(user), session)
            .await
            .unwrap();
        self.sessions.send_modify(|sessions| {
            sessions.push(State {
                class: class.to_owned(),
                user: user.to_owned(),
                locked: false,
            });
        });
        self.say("SessionNew", user).await;
    }

    pub(crate) async fn log_out(&self, user: &str) {
        self.sessions
            .send_modify(|sessions| sessions.retain(|state| state.user != user));
        self.say("SessionRemoved", user).await;
    }

    pub(crate) async fn lock(&self, user: &str) {
        self.sessions.send_modify(|sessions| {
            for state in sessions.iter_mut().filter(|state| state.user == user) {
                state.locked = true;
            }
        });
        changed(&self.bus, path(user).as_str(), SESSION).await;
    }

    async fn say(&self, member: &str, user: &str) {
        let what = ("org.freedesktop.login1.Manager", member);
        signal(&self.bus, PATH, what, &(user, path(user))).await;
    }
}
