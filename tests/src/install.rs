//! What the packages put where: the one list of installed files, for the product and for the lab's own part.

/// Where a file comes from.
#[derive(Debug, Clone, Copy)]
pub enum Origin {
    /// A program that cargo builds, by package and binary name.
    Built(&'static str, &'static str),
    /// A file of the repository, by path.
    Repository(&'static str),
    /// All files of a folder of the repository with this ending; the target is then a folder.
    Folder(&'static str, &'static str),
}

/// One line of the list: origin, installed path, mode.
pub type Installed = (Origin, &'static str, u32);

use Origin::{Built, Folder, Repository};

/// The product: what its packages install.
pub const PRODUCT: &[Installed] = &[
    (
        Built("cardwarden-agent", "cardwardend"),
        "/usr/libexec/cardwardend",
        0o755,
    ),
    (
        Built("cardwarden-cli", "cardwarden"),
        "/usr/bin/cardwarden",
        0o755,
    ),
    (
        Built("cardwarden-server", "cardwarden-server"),
        "/usr/bin/cardwarden-server",
        0o755,
    ),
    (
        Repository("agent/dist/cardwardend.service"),
        "/usr/lib/systemd/system/cardwardend.service",
        0o644,
    ),
    (
        Repository("agent/dist/geoclue-cardwarden.conf"),
        "/etc/geoclue/conf.d/90-cardwarden.conf",
        0o644,
    ),
    (
        Repository("server/dist/cardwarden-server.service"),
        "/usr/lib/systemd/system/cardwarden-server.service",
        0o644,
    ),
    (
        Repository("dbus/org.cardwarden.Agent1.conf"),
        "/usr/share/dbus-1/system.d/org.cardwarden.Agent1.conf",
        0o644,
    ),
    (
        Repository("dbus/org.cardwarden.Agent1.service"),
        "/usr/share/dbus-1/system-services/org.cardwarden.Agent1.service",
        0o644,
    ),
    (
        Repository("dbus/org.cardwarden.policy"),
        "/usr/share/polkit-1/actions/org.cardwarden.policy",
        0o644,
    ),
    (
        Folder("udev-rules", ".rules"),
        "/usr/lib/udev/rules.d",
        0o644,
    ),
];

/// The lab's own part: the outside world (card, company, server settings) and the channel to the host.
pub const LAB: &[Installed] = &[
    (
        Built("cardwarden-lab-card", "lab-card"),
        "/usr/bin/lab-card",
        0o755,
    ),
    (Built("cardwarden-tests", "lab"), "/usr/bin/lab", 0o755),
    (
        Built("cardwarden-tests", "lab-channel"),
        "/usr/libexec/lab-channel",
        0o755,
    ),
    (
        Folder("tests/guest", ".service"),
        "/usr/lib/systemd/system",
        0o644,
    ),
    (
        Repository("tests/guest/cardwarden-server.conf"),
        "/usr/lib/systemd/system/cardwarden-server.service.d/lab.conf",
        0o644,
    ),
];
