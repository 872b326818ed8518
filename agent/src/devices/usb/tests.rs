//! Laws of the look at USB devices, and a sysfs in a temporary folder for them and for others.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cardwarden_policy::usb::{Connection, Interface};
use tempfile::TempDir;

use super::{Attached, Ports, Texts};

/// A sysfs with one controller, and a runtime folder.
pub(crate) struct Fake {
    root: TempDir,
}

/// What a device is made of: its interfaces by their classes, numbered from 0.
pub(crate) struct Made<'a> {
    pub(crate) port: &'a str,
    pub(crate) vendor: u16,
    pub(crate) classes: &'a [&'a str],
    pub(crate) serial: Option<&'a str>,
    pub(crate) connect_type: &'a str,
}

/// A device of this maker in an ordinary port.
pub(crate) fn made<'a>(port: &'a str, vendor: u16, classes: &'a [&'a str]) -> Made<'a> {
    Made {
        port,
        vendor,
        classes,
        serial: None,
        connect_type: "unknown",
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        let fake = Self {
            root: tempfile::tempdir().unwrap(),
        };
        fake.folder("sys/bus/usb/devices");
        fake.folder("sys/class/input");
        fake.folder("sys/class/block");
        fake.folder("run");
        fake.folder("gone");
        fake.put("sys/bus/usb/drivers_probe", "");
        fake.put("sys/module/usbcore/parameters/authorized_default", "-1\n");
        fake.put("mountinfo", "");
        fake.controller(1);
        fake
    }

    /// A controller's root hub, born as the module says.
    pub(crate) fn controller(&self, bus: u32) {
        let name = format!("usb{bus}");
        let folder = format!("sys/devices/pci{bus}/{name}");
        self.device(&folder, &made(&name, 0x1d6b, &["09:00:00"]));
        let born = self.get("sys/module/usbcore/parameters/authorized_default");
        let born = if born.trim() == "-1" {
            "1"
        } else {
            born.trim()
        };
        self.put(
            &format!("{folder}/authorized_default"),
            &format!("{born}\n"),
        );
        self.put(&format!("{folder}/interface_authorized_default"), "1\n");
        self.put(&format!("{folder}/busnum"), &format!("{bus}\n"));
        self.put(&format!("{folder}/authorized"), "1\n");
    }

    /// Plugs a device in: it is born as its controller says.
    pub(crate) fn plug(&self, made: &Made<'_>) {
        let folder = place(made.port);
        self.device(&folder, made);
        let bus = bus(made.port);
        self.put(&format!("{folder}/busnum"), &format!("{bus}\n"));
        let born = self.get(&format!("sys/devices/pci{bus}/usb{bus}/authorized_default"));
        let is_in = match born.trim() {
            "0" => false,
            "2" => made.connect_type == "hardwired",
            _ => true,
        };
        self.put(
            &format!("{folder}/authorized"),
            if is_in { "1\n" } else { "0\n" },
        );
        if is_in {
            self.set_up(made);
        }
    }

    /// What the kernel does within the write that authorises a device.
    pub(crate) fn set_up(&self, made: &Made<'_>) {
        let bus = bus(made.port);
        let attribute = format!("sys/devices/pci{bus}/usb{bus}/interface_authorized_default");
        let born = self.get(&attribute);
        for number in 0..made.classes.len() {
            let name = format!("{}:1.{number}", made.port);
            let folder = format!("{}/{name}", place(made.port));
            self.put(&format!("{folder}/authorized"), &born);
            self.link(&format!("sys/bus/usb/devices/{name}"), &folder);
        }
    }

    /// Sets up every device that is authorised and is not yet, as the kernel would have.
    pub(crate) fn settle(&self, all: &[Made<'_>]) {
        for made in all {
            let first = format!("sys/bus/usb/devices/{}:1.0", made.port);
            let is_set_up = self.path(&first).exists();
            match (self.authorized(made.port), is_set_up) {
                (true, false) => self.set_up(made),
                (false, true) => self.take_down(made),
                (true, true) | (false, false) => {}
            }
        }
    }

    fn take_down(&self, made: &Made<'_>) {
        for number in 0..made.classes.len() {
            let name = format!("{}:1.{number}", made.port);
            fs::remove_file(self.path(&format!("sys/bus/usb/devices/{name}"))).unwrap();
            let folder = format!("{}/{name}", place(made.port));
            self.bury(&folder);
        }
    }

    /// Takes a folder away without letting go of its inode: sysfs does not give one twice either.
    fn bury(&self, folder: &str) {
        let count = fs::read_dir(self.path("gone")).unwrap().count();
        fs::rename(self.path(folder), self.path(&format!("gone/{count}"))).unwrap();
    }

    pub(crate) fn unplug(&self, made: &Made<'_>) {
        if self
            .path(&format!("sys/bus/usb/devices/{}:1.0", made.port))
            .exists()
        {
            self.take_down(made);
        }
        fs::remove_file(self.path(&format!("sys/bus/usb/devices/{}", made.port))).unwrap();
        self.bury(&place(made.port));
    }

    fn device(&self, folder: &str, made: &Made<'_>) {
        self.folder(folder);
        let put = |attribute: &str, text: &str| self.put(&format!("{folder}/{attribute}"), text);
        put("idVendor", &format!("{:04x}\n", made.vendor));
        put("idProduct", "0825\n");
        put("bcdDevice", "0100\n");
        put("devnum", "5\n");
        put("bDeviceClass", "00\n");
        put("bDeviceSubClass", "00\n");
        put("bDeviceProtocol", "00\n");
        put("product", "A device\n");
        put("uevent", "");
        put("port/connect_type", &format!("{}\n", made.connect_type));
        if let Some(serial) = made.serial {
            put("serial", &format!("{serial}\n"));
        }
        let [low, high] = made.vendor.to_le_bytes();
        let mut descriptors = vec![
            18, 1, 0, 2, 0, 0, 0, 64, low, high, 0x25, 8, 0, 1, 1, 2, 3, 1,
        ];
        descriptors.extend([9, 2, 0xff, 0, 1, 1, 0, 0x80, 50]);
        for (number, class) in (0_u8..).zip(made.classes) {
            let class: Interface = class.parse().unwrap();
            let (class, subclass, protocol) = (class.class, class.subclass, class.protocol);
            descriptors.extend([9, 4, number, 0, 0, class, subclass, protocol, 0]);
        }
        let path = self.path(&format!("{folder}/descriptors"));
        fs::File::create(path)
            .unwrap()
            .write_all(&descriptors)
            .unwrap();
        self.link(&format!("sys/bus/usb/devices/{}", made.port), folder);
    }

    pub(crate) fn authorized(&self, name: &str) -> bool {
        self.get(&format!("sys/bus/usb/devices/{name}/authorized"))
            .trim()
            == "1"
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below)
    }

    pub(crate) fn folder(&self, below: &str) {
        fs::create_dir_all(self.path(below)).unwrap();
    }

    pub(crate) fn put(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    pub(crate) fn get(&self, below: &str) -> String {
        fs::read_to_string(self.path(below)).unwrap_or_default()
    }

    pub(crate) fn link(&self, from: &str, to: &str) {
        symlink(self.path(to), self.path(from)).unwrap();
    }

    pub(crate) fn sysfs(&self) -> PathBuf {
        self.path("sys")
    }

    pub(crate) fn scan(&self) -> Vec<Attached> {
        Ports::below(&self.sysfs()).scan()
    }
}

/// The folder of a device; behind a hub it is below the hub's.
pub(crate) fn place(port: &str) -> String {
    if let Some((hub, _)) = port.rsplit_once('.') {
        return format!("{}/{port}", place(hub));
    }
    let bus = bus(port);
    format!("sys/devices/pci{bus}/usb{bus}/{port}")
}

fn bus(port: &str) -> &str {
    port.split('-').next().unwrap()
}

#[test]
fn devices_are_told_in_the_order_of_their_ports_with_all_that_policies_ask() {
    let fake = Fake::new();
    fake.plug(&made("1-10", 0x0781, &["08:06:50"]));
    let camera = Made {
        serial: Some("A1"),
        connect_type: "hardwired",
        ..made("1-2", 0x046d, &["0e:01:00", "01:01:00"])
    };
    fake.plug(&camera);
    fake.plug(&made("1-2.1", 0x0781, &["08:06:50"]));
    let found = fake.scan();
    let ports: Vec<&str> = found.iter().map(|one| one.device.port.as_str()).collect();
    assert_eq!(ports, ["usb1", "1-2", "1-2.1", "1-10"]);
    let one = &found[1];
    assert_eq!(one.label(), "1-2 (046d:0825)");
    assert_eq!(one.device.serial.as_deref(), Some("A1"));
    assert_eq!(one.device.name.as_deref(), Some("A device"));
    assert_eq!(one.device.revision, Some(0x0100));
    assert_eq!(one.device.connection, Connection::BuiltIn);
    assert!(one.is_soldered && one.is_authorized && found[0].is_root_hub());
    assert_eq!((one.bus, one.minor), (1, 4));
    let classes: Vec<String> = one
        .device
        .interfaces
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(classes, ["0e:01:00", "01:01:00"]);
    let numbers: Vec<u8> = one.interfaces.iter().map(|each| each.number).collect();
    assert_eq!(numbers, [0, 1]);
    assert!(one.device.descriptors.is_some());
}

#[test]
fn what_removable_says_is_not_asked() {
    let fake = Fake::new();
    fake.plug(&made("1-1", 0x0781, &["08:06:50"]));
    fake.put(&format!("{}/removable", place("1-1")), "fixed\n");
    let found = fake.scan();
    assert_eq!(found[1].device.connection, Connection::Unknown);
    assert!(!found[1].is_soldered);
}

#[test]
fn the_port_of_a_newcomer_is_told_before_the_kernel_has_linked_both() {
    let fake = Fake::new();
    for (port, below) in [
        ("1-1", "sys/devices/pci1/usb1/1-0:1.0/usb1-port1"),
        ("1-1.4", "sys/devices/pci1/usb1/1-1/1-1:2.0/1-1-port4"),
    ] {
        fake.plug(&made(port, 0x0781, &["08:06:50"]));
        fs::remove_dir_all(fake.path(&format!("{}/port", place(port)))).unwrap();
        fake.put(&format!("{below}/connect_type"), "hotplug\n");
    }
    for (port, at) in [("1-1", 1), ("1-1.4", 2)] {
        let found = fake.scan();
        assert_eq!(found[at].device.port, port);
        assert_eq!(found[at].device.connection, Connection::External, "{port}");
    }
}

#[test]
fn a_newcomer_waits_is_told_by_its_name_alone_and_is_what_a_look_finds() {
    let fake = Fake::new();
    let stick = Made {
        serial: Some("A1"),
        ..made("1-1", 0x0781, &["08:06:50"])
    };
    fake.put("sys/bus/usb/devices/usb1/authorized_default", "0\n");
    fake.plug(&stick);
    let ports = Ports::below(&fake.sysfs());
    let newcomer = ports.newcomer("1-1", Texts::Read).unwrap();
    let found = Attached {
        syspath: newcomer.syspath.clone(),
        ..fake.scan()[1].clone()
    };
    assert_eq!(newcomer, found);
    let mut bare = found;
    (bare.device.serial, bare.device.name) = (None, None);
    assert_eq!(ports.newcomer("1-1", Texts::Unasked), Some(bare));
    for other in ["1-2", "usb1", "..", "1-1/../1-1", "", "1-1:1.0"] {
        assert_eq!(ports.newcomer(other, Texts::Read), None, "{other}");
    }
    fake.put("sys/bus/usb/devices/1-1/authorized", "1\n");
    assert_eq!(ports.newcomer("1-1", Texts::Read), None);
}

#[test]
fn what_cannot_change_is_read_once_and_what_can_is_read_each_time() {
    let fake = Fake::new();
    let stick = made("1-1", 0x0781, &["08:06:50"]);
    fake.plug(&stick);
    let mut ports = Ports::below(&fake.sysfs());
    assert!(ports.scan()[1].is_authorized);
    let folder = place("1-1");
    fake.put(&format!("{folder}/product"), "Another\n");
    fake.put(&format!("{folder}/authorized"), "0\n");
    let found = ports.scan();
    assert_eq!(found[1].device.name.as_deref(), Some("A device"));
    assert!(!found[1].is_authorized);
    fake.put(&format!("{folder}/devnum"), "6\n");
    assert_eq!(ports.scan()[1].device.name.as_deref(), Some("Another"));
}

#[test]
fn an_interface_that_its_descriptors_hide_is_told_by_the_kernel() {
    let fake = Fake::new();
    fake.plug(&made("1-1", 0x0781, &["ff:00:00"]));
    let folder = format!("{}/1-1:1.7", place("1-1"));
    fake.put(&format!("{folder}/authorized"), "1\n");
    for (attribute, text) in [("Class", "08"), ("SubClass", "06"), ("Protocol", "50")] {
        fake.put(&format!("{folder}/bInterface{attribute}"), text);
    }
    fake.link("sys/bus/usb/devices/1-1:1.7", &folder);
    let found = fake.scan();
    assert_eq!(found[1].classes[&7], ["08:06:50".parse().unwrap()]);
}

#[test]
fn a_machine_without_usb_has_no_devices_and_one_that_goes_is_not_there() {
    assert_eq!(Ports::below(Path::new("/nonexistent")).scan(), []);
    let fake = Fake::new();
    let stick = made("1-1", 0x0781, &["08:06:50"]);
    fake.plug(&stick);
    fs::remove_dir_all(fake.path(&place("1-1"))).unwrap();
    assert_eq!(fake.scan().len(), 1);
}
