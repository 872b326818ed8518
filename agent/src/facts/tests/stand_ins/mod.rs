//! A bus of one's own, and what is played on it.
#![expect(clippy::unused_self, reason = "an object's members have a receiver")]

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};

use futures_core::Stream;
use serde::Serialize;
use tempfile::TempDir;
use tokio::sync::watch;
use zbus::connection::Builder;
use zbus::{DynamicType, MatchRule, MessageStream, OwnedObjectPath, Variant};

pub(super) mod geoclue;
pub(super) mod logind;
pub(super) mod network_manager;
pub(super) mod tls;
pub(super) mod upower;

/// A `dbus-daemon` that starts nothing and lets everyone do everything.
pub(super) struct PrivateBus {
    folder: TempDir,
    daemon: Child,
}

impl PrivateBus {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let daemon = daemon(folder.path());
        Self { folder, daemon }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("bus")
    }

    pub(super) fn stop(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
    }

    pub(super) fn again(&mut self) {
        std::fs::remove_file(self.socket()).unwrap();
        self.daemon = daemon(self.folder.path());
    }

    async fn connect(&self) -> zbus::Connection {
        self.builder().build().await.unwrap()
    }

    fn builder<'a>(&self) -> Builder<'a> {
        Builder::address(format!("unix:path={}", self.socket().display()).as_str())
    }

    /// The connections that the bus has, but for the one that asks.
    pub(super) async fn members(&self) -> BTreeSet<String> {
        let us = self.connect().await;
        let bus = "org.freedesktop.DBus";
        let reply = us
            .call_method(
                Some(bus),
                "/org/freedesktop/DBus",
                Some(bus),
                "ListNames",
                &(),
            )
            .await
            .unwrap();
        let names: Vec<String> = reply.body().deserialize().unwrap();
        let own = us.unique_name().unwrap().to_string();
        names
            .into_iter()
            .filter(|name| name.starts_with(':') && *name != own)
            .collect()
    }
}

impl Drop for PrivateBus {
    fn drop(&mut self) {
        self.stop();
    }
}

#[expect(clippy::disallowed_methods, reason = "a test starts its own bus")]
fn daemon(folder: &Path) -> Child {
    let config = folder.join("bus.conf");
    let text = format!(
        r#"<busconfig><type>custom</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/>
        <allow receive_sender="*"/>
        </policy></busconfig>"#,
        folder.join("bus").display()
    );
    std::fs::File::create(&config)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap();
    let mut daemon = Command::new("dbus-daemon")
        .arg("--config-file")
        .arg(config)
        .args(["--nofork", "--print-address"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It prints its address once it listens.
    let mut line = String::new();
    BufReader::new(daemon.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.starts_with("unix:"), "{line}");
    daemon
}

/// Which connections end.
pub(super) struct Ended(MessageStream);

impl Ended {
    pub(super) async fn watch(bus: &PrivateBus) -> Self {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface("org.freedesktop.DBus")
            .member("NameOwnerChanged")
            .build()
            .unwrap();
        let connection = bus.connect().await;
        let stream = MessageStream::for_match_rule(rule, &connection, None).await;
        Self(stream.unwrap())
    }

    /// Waits until one of these has ended.
    pub(super) async fn one_of(&mut self, names: impl Iterator<Item = &String>) {
        let names: BTreeSet<&String> = names.collect();
        let ended = async {
            loop {
                let next = poll_fn(|context| Pin::new(&mut self.0).poll_next(context));
                let message = next.await.unwrap().unwrap();
                let (name, _, new): (String, String, String) =
                    message.body().deserialize().unwrap();
                if new.is_empty() && names.contains(&name) {
                    return;
                }
            }
        };
        tokio::time::timeout(super::DEADLINE, ended).await.unwrap();
    }
}

/// Says that something of an interface changed.
async fn changed(bus: &zbus::Connection, path: &str, interface: &str) {
    let nothing: HashMap<&str, Variant<'_>> = HashMap::new();
    let body = (interface, nothing, vec!["Anything"]);
    signal(
        bus,
        path,
        ("org.freedesktop.DBus.Properties", "PropertiesChanged"),
        &body,
    )
    .await;
}

async fn signal<B: Serialize + DynamicType>(
    bus: &zbus::Connection,
    path: &str,
    (interface, member): (&str, &str),
    body: &B,
) {
    bus.emit_signal(None::<&str>, path, interface, member, body)
        .await
        .unwrap();
}

fn object(path: &str) -> OwnedObjectPath {
    OwnedObjectPath::try_from(path).unwrap()
}
