//! What this machine has, as its files tell. Nothing is changed and nothing is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

/// Longest kernel configuration that is read, in bytes; Debian's has 280 kB.
const MAX_CONFIG: u64 = 4 << 20;

/// Something that is there or not.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub(super) enum Thing {
    /// The kernel tells its types.
    Btf,
    /// What is pinned outlives the agent: a bpffs at `/sys/fs/bpf`.
    Bpffs,
    /// udev's daemon runs.
    Udev,
    /// The kernel has radio switches.
    Rfkill,
    /// pcscd listens, or its socket unit does.
    Pcscd,
    /// There is a system bus.
    Bus,
}

/// The file by which each is known, but for bpffs, which is a mount.
const FILES: [(Thing, &str); 5] = [
    (Thing::Btf, "sys/kernel/btf/vmlinux"),
    (Thing::Udev, "run/udev/control"),
    (Thing::Rfkill, "dev/rfkill"),
    (Thing::Pcscd, "run/pcscd/pcscd.comm"),
    (Thing::Bus, "run/dbus/system_bus_socket"),
];

/// What was found. `None` is what could not be told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Evidence {
    /// The kernel's release.
    pub(super) release: String,
    /// The active security modules, in their order (`/sys/kernel/security/lsm`).
    pub(super) lsm: Option<Vec<String>>,
    /// The kernel's options, without `CONFIG_`.
    pub(super) config: Option<BTreeMap<String, String>>,
    /// What is there of what is there or not.
    pub(super) there: BTreeSet<Thing>,
    /// Where the root of cgroup v2 is mounted.
    pub(super) cgroup2: Option<PathBuf>,
    /// `net.core.bpf_jit_enable`; only root may read it.
    pub(super) jit: Option<bool>,
    /// The shipped udev rules that are not installed.
    pub(super) missing_rules: Vec<&'static str>,
    /// How many USB controllers there are.
    pub(super) usb_controllers: usize,
    /// Those of them that let a device be authorised.
    pub(super) usb_authorising: usize,
}

/// The shipped rules (`udev-rules/`).
const RULES: [&str; 2] = ["70-cardwarden-mark.rules", "72-cardwarden-close.rules"];
/// Where rules lie, first to last (udev(7)).
const RULE_FOLDERS: [&str; 4] = [
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
];

impl Evidence {
    /// Looks below `root`.
    pub(super) fn gather(root: &Path) -> Self {
        let release = text(&root.join("proc/sys/kernel/osrelease")).unwrap_or_default();
        let mounts = text(&root.join("proc/self/mounts")).unwrap_or_default();
        let (usb_controllers, usb_authorising) = controllers(&root.join("sys/bus/usb/devices"));
        Self {
            lsm: text(&root.join("sys/kernel/security/lsm"))
                .map(|list| list.split(',').map(str::to_owned).collect()),
            config: config(root, &release),
            cgroup2: mounted(&mounts, "cgroup2").into_iter().next(),
            there: there(root, &mounts),
            jit: text(&root.join("proc/sys/net/core/bpf_jit_enable")).map(|value| value != "0"),
            missing_rules: missing_rules(root),
            usb_controllers,
            usb_authorising,
            release,
        }
    }

    /// Whether a kernel option is built in or a module; `None` where the configuration is not known.
    pub(super) fn has(&self, option: &str) -> Option<bool> {
        let config = self.config.as_ref()?;
        let value = config.get(option).map(String::as_str);
        Some(matches!(value, Some("y" | "m")))
    }
}

fn there(root: &Path, mounts: &str) -> BTreeSet<Thing> {
    let files = FILES.iter().filter(|(_, path)| root.join(path).exists());
    let bpffs = mounted(mounts, "bpf")
        .contains(&PathBuf::from("/sys/fs/bpf"))
        .then_some(Thing::Bpffs);
    files.map(|(thing, _)| *thing).chain(bpffs).collect()
}

fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

/// Where file systems of a type are mounted, from `/proc/self/mounts` (fstab(5)).
fn mounted(mounts: &str, kind: &str) -> Vec<PathBuf> {
    let fields = mounts.lines().map(|line| line.split(' '));
    fields
        .filter_map(|mut fields| {
            let place = fields.nth(1)?;
            (fields.next()? == kind).then(|| PathBuf::from(place))
        })
        .collect()
}

fn missing_rules(root: &Path) -> Vec<&'static str> {
    let is_there = |name: &str| {
        let mut folders = RULE_FOLDERS.iter();
        folders.any(|folder| root.join(folder).join(name).exists())
    };
    RULES.into_iter().filter(|name| !is_there(name)).collect()
}

/// The USB controllers, and how many of them have the switch `authorized_default`.
fn controllers(folder: &Path) -> (usize, usize) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return (0, 0);
    };
    let is_controller =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("usb");
    let all: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(is_controller)
        .collect();
    let switched = all
        .iter()
        .filter(|entry| entry.path().join("authorized_default").exists());
    (all.len(), switched.count())
}

/// The kernel's own configuration, or the file that its package left beside it.
fn config(root: &Path, release: &str) -> Option<BTreeMap<String, String>> {
    let mut text = String::new();
    if let Ok(file) = std::fs::File::open(root.join("proc/config.gz")) {
        let mut plain = GzDecoder::new(file).take(MAX_CONFIG);
        if plain.read_to_string(&mut text).is_ok() && !text.is_empty() {
            return Some(options(&text));
        }
    }
    let beside = [
        format!("boot/config-{release}"),
        format!("usr/lib/modules/{release}/config"),
        format!("lib/modules/{release}/config"),
    ];
    beside.iter().find_map(|path| {
        let file = std::fs::File::open(root.join(path)).ok()?;
        let mut text = String::new();
        file.take(MAX_CONFIG).read_to_string(&mut text).ok()?;
        Some(options(&text))
    })
}

/// The options of a configuration (`Documentation/kbuild/kconfig.rst`): those that are not set are
/// comments.
fn options(text: &str) -> BTreeMap<String, String> {
    let set = text.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("CONFIG_")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('"').to_owned()))
    });
    set.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::File::create(path).unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
    }

    #[test]
    fn an_empty_machine_has_nothing_and_nothing_fails() {
        let root = tempfile::tempdir().unwrap();
        let found = Evidence::gather(root.path());
        let expected = Evidence {
            missing_rules: RULES.to_vec(),
            ..Evidence::default()
        };
        assert_eq!(found, expected);
        assert_eq!(found.has("BPF_LSM"), None);
    }

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        put(root, "proc/sys/kernel/osrelease", b"6.1.0-56-amd64\n");
        put(root, "sys/kernel/security/lsm", b"lockdown,apparmor,bpf");
        put(
            root,
            "proc/self/mounts",
            b"cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\nbpf /sys/fs/bpf bpf rw 0 0\n",
        );
        put(
            root,
            "boot/config-6.1.0-56-amd64",
            b"CONFIG_BPF_LSM=y\n# CONFIG_NFC is not set\nCONFIG_LSM=\"bpf\"\n",
        );
        put(root, "sys/bus/usb/devices/usb1/authorized_default", b"1");
        put(root, "sys/bus/usb/devices/1-1/authorized", b"1");
        put(root, "usr/lib/udev/rules.d/70-cardwarden-mark.rules", b"");
        let found = Evidence::gather(root);
        assert_eq!(found.lsm.as_ref().unwrap().last().unwrap(), "bpf");
        assert_eq!(found.cgroup2, Some("/sys/fs/cgroup".into()));
        assert_eq!(found.there, [Thing::Bpffs].into());
        assert_eq!(found.has("BPF_LSM"), Some(true));
        assert_eq!(found.has("NFC"), Some(false));
        assert_eq!((found.usb_controllers, found.usb_authorising), (1, 1));
        assert_eq!(found.missing_rules, ["72-cardwarden-close.rules"]);
    }

    #[test]
    fn the_kernel_s_own_configuration_goes_before_a_file_beside_it() {
        use std::io::Write as _;
        let root = tempfile::tempdir().unwrap();
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"CONFIG_CGROUP_BPF=y\n").unwrap();
        put(root.path(), "proc/config.gz", &packed.finish().unwrap());
        put(root.path(), "proc/sys/kernel/osrelease", b"6.6\n");
        put(root.path(), "boot/config-6.6", b"");
        let found = Evidence::gather(root.path());
        assert_eq!(found.has("CGROUP_BPF"), Some(true));
    }
}
