//! What the guard goes by: the agent's home, what else is guarded, and how it is told who tried what.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Folders whose content nobody but the agent changes.
pub const FOLDERS: usize = 12;
/// Files that the agent's process may run code of: itself, the loader and its libraries.
pub const CODE: usize = 24;
/// How many folders up from a file are looked at.
pub const DEPTH: usize = 3;
/// Most bytes of a name that are looked at; longer ones are none of ours.
pub const NAME: usize = 32;

/// Enforcement and the agent: objects, pins, files, the process, its cgroup.
pub const GUARD_AGENT: u32 = 1;
/// Switches of USB devices, and of drivers of any device.
pub const GUARD_DEVICES: u32 = 2;
/// The soft block of radios.
pub const GUARD_RADIO: u32 = 4;
/// Infrared protocols.
pub const GUARD_INFRARED: u32 = 8;
/// What makes the device a USB gadget.
pub const GUARD_GADGET: u32 = 16;
/// The clock.
pub const GUARD_CLOCK: u32 = 32;

/// [`Denial::function`](crate::Denial::function) of what the guard refused.
pub const GUARD: u16 = u16::MAX;

/// What was tried, as [`Denial::major`](crate::Denial::major) says it of the guard's refusals.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
#[repr(u32)]
pub enum Act {
    /// A signal to the agent; the minor is its number.
    Signal = 1,
    /// Tracing the agent, or reading its memory or descriptors.
    Trace = 2,
    /// Changing the agent's priority, scheduling or limits.
    Limits = 3,
    /// A command of bpf(2) that undoes something; the minor is its number.
    Bpf = 4,
    /// One of our maps.
    Map = 5,
    /// A file of the agent's.
    File = 6,
    /// A mount over, or an unmount of, what the guard stands on.
    Mount = 7,
    /// The agent's control group, or one that it is in.
    Cgroup = 8,
    /// A kernel setting.
    Setting = 9,
    /// A switch of a device or driver.
    Switch = 10,
    /// The clock.
    Clock = 11,
    /// What the kernel's lockdown names; the minor is its reason.
    Lockdown = 12,
}

impl Act {
    /// Every act, in the order of their numbers.
    pub const ALL: [Self; 12] = [
        Self::Signal,
        Self::Trace,
        Self::Limits,
        Self::Bpf,
        Self::Map,
        Self::File,
        Self::Mount,
        Self::Cgroup,
        Self::Setting,
        Self::Switch,
        Self::Clock,
        Self::Lockdown,
    ];

    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Trace => "trace",
            Self::Limits => "limits",
            Self::Bpf => "bpf",
            Self::Map => "map",
            Self::File => "file",
            Self::Mount => "mount",
            Self::Cgroup => "cgroup",
            Self::Setting => "setting",
            Self::Switch => "switch",
            Self::Clock => "clock",
            Self::Lockdown => "lockdown",
        }
    }

    /// Its number.
    #[expect(clippy::as_conversions, reason = "the enum has the numbers")]
    pub const fn number(self) -> u32 {
        self as u32
    }
}

/// A file or folder, as the kernel knows it: `inode->i_ino` and `inode->i_sb->s_dev`.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Place {
    /// The number of the inode.
    pub inode: u64,
    /// The kernel's number of the file system; 0 in a place that is not used.
    pub device: u32,
    /// `inode->i_generation`: another file that gets the number of one that is gone has another.
    pub generation: u32,
}

/// Where the agent is at home. It does not change while the device is on, and the map is frozen.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Home {
    /// The agent's executable.
    pub executable: Place,
    /// The copy of it that the agent keeps for itself, where there is room for one.
    pub kept: Place,
    /// What it may run code of.
    pub code: [Place; CODE],
    /// The folders that are its own.
    pub folders: [Place; FOLDERS],
    /// The file system of the pins (`s_dev`).
    pub pins: u32,
    /// The mount namespace of everybody (`mnt_namespace.ns.inum`).
    pub mounts: u32,
    /// The file system at the root of all (`s_dev`).
    pub root: u32,
    /// The network, whose devices tell of themselves (`net.ns.inum`).
    pub network: u32,
    /// The processes (`pid_namespace.ns.inum`).
    pub processes: u32,
    /// The time since the boot (`time_namespace.ns.inum`); 0 where the kernel knows only one.
    pub time: u32,
}

impl Home {
    /// Whether what is started from a file may be the agent.
    #[expect(clippy::inline_always, reason = "programs of the kernel call nothing")]
    #[inline(always)]
    pub fn is_executable(&self, file: Place) -> bool {
        file.device != 0 && (file == self.executable || file == self.kept)
    }

    /// Whether code of a file may run in the agent's process.
    #[expect(clippy::inline_always, reason = "programs of the kernel call nothing")]
    #[inline(always)]
    pub fn runs(&self, file: Place) -> bool {
        self.is_executable(file) || file.device != 0 && self.code.contains(&file)
    }
}

/// What is guarded now.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Guarded {
    /// Of the `GUARD_` bits.
    pub what: u32,
}

/// The agent's question where a file is, and the answer: the next file that this thread opens.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Learnt {
    /// `bpf_get_current_pid_tgid` of the thread that asks; 0 when nobody does.
    pub pid_tgid: u64,
    /// The answer.
    pub place: Place,
}

/// What a process is to the guard.
#[derive(
    Clone, Copy, Debug, Default, Eq, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Mark {
    /// [`STARTING`] or [`TRUSTED`]; 0 for one that was and no longer is.
    pub state: u32,
    /// Unused; zero.
    pub reserved: u32,
}

/// It was started from the agent's executable, and has run nothing else so far. It may look what the guard keeps, to
/// see whether it is at home.
pub const STARTING: u32 = 1;
/// It is at home, or was started by the agent. Foreign code is kept out from here on.
pub const TRUSTED: u32 = 2;

/// A number for a name, by which the programs compare (FNV-1a, 64 bits).
pub const fn name(text: &[u8]) -> u64 {
    let mut number = BASIS;
    let mut place = 0;
    while place < text.len() {
        // The bound is the condition of the loop.
        #[expect(clippy::indexing_slicing, reason = "no iterators in a constant")]
        let letter = text[place];
        number = with_letter(number, letter);
        place = place.saturating_add(1);
    }
    number
}

/// The number of the empty name.
pub const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// The number of a name with one letter more.
#[expect(clippy::inline_always, reason = "programs of the kernel call nothing")]
#[inline(always)]
pub const fn with_letter(number: u64, letter: u8) -> u64 {
    #[expect(clippy::as_conversions, reason = "no `From` in a constant")]
    let mixed = number ^ letter as u64;
    mixed.wrapping_mul(0x0100_0000_01b3)
}

/// The file systems whose files are switches (`include/uapi/linux/magic.h`).
pub const SYSFS: u64 = 0x6265_6572;
/// See [`SYSFS`].
pub const CONFIGFS: u64 = 0x6265_6570;
/// See [`SYSFS`].
pub const PROC: u64 = 0x9fa0;
/// See [`SYSFS`].
pub const CGROUP2: u64 = 0x6367_7270;

/// What guards a switch in sysfs or configfs, by its name; 0 for one that is free.
#[inline(always)]
pub fn switch(of: u64) -> u32 {
    const DEVICES: [u64; 16] = [
        // USB (`drivers/usb/core/sysfs.c`, `hub.c`).
        name(b"authorized"),
        name(b"authorized_default"),
        name(b"interface_authorized_default"),
        name(b"bConfigurationValue"),
        name(b"disable"),
        name(b"early_stop"),
        // Every driver and bus (`drivers/base/bus.c`), PCI (`drivers/pci/pci-sysfs.c`).
        name(b"bind"),
        name(b"unbind"),
        name(b"new_id"),
        name(b"remove_id"),
        name(b"driver_override"),
        name(b"drivers_probe"),
        name(b"drivers_autoprobe"),
        name(b"remove"),
        name(b"rescan"),
        name(b"reset"),
    ];
    const RADIO: [u64; 2] = [name(b"soft"), name(b"state")];
    const INFRARED: [u64; 2] = [name(b"protocols"), name(b"wakeup_protocols")];
    const GADGET: [u64; 6] = [
        name(b"UDC"),
        name(b"soft_connect"),
        name(b"role"),
        name(b"data_role"),
        name(b"preferred_role"),
        name(b"port_type"),
    ];
    if has(&DEVICES, of) {
        GUARD_DEVICES
    } else if has(&RADIO, of) {
        GUARD_RADIO
    } else if has(&INFRARED, of) {
        GUARD_INFRARED
    } else if has(&GADGET, of) {
        GUARD_GADGET
    } else {
        0
    }
}

/// Whether a kernel setting, by its name, would silence the programs: without ftrace, the trampolines that
/// call them are gone (`kernel/trace/ftrace.c`).
#[inline(always)]
pub fn setting(of: u64) -> bool {
    const SETTINGS: [u64; 2] = [name(b"ftrace_enabled"), name(b"bpf_jit_enable")];
    has(&SETTINGS, of)
}

/// Whether a file of a control group is guarded, by the names of the group and of the file. The service's own
/// group belongs to systemd; of the groups above, what would stop or starve all in them. A process that systemd
/// starts joins the group by itself.
#[inline(always)]
pub fn cgroup(group: u64, file: u64) -> Grouped {
    const STOPS: [u64; 8] = [
        name(b"cgroup.freeze"),
        name(b"cgroup.kill"),
        name(b"memory.max"),
        name(b"memory.high"),
        name(b"memory.swap.max"),
        name(b"cpu.max"),
        name(b"cpuset.cpus"),
        name(b"pids.max"),
    ];
    const PROCESSES: u64 = name(b"cgroup.procs");
    const FREEZE: u64 = name(b"cgroup.freeze");
    const SERVICE: u64 = name(b"cardwardend.service");
    const SLICE: u64 = name(b"system.slice");
    if group == SERVICE {
        if file == FREEZE {
            Grouped::Nobody
        } else if file == PROCESSES {
            Grouped::Anybody
        } else {
            Grouped::Systemd
        }
    } else if group == SLICE && has(&STOPS, file) {
        Grouped::Systemd
    } else {
        Grouped::Anybody
    }
}

/// Who may write a file of a control group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Grouped {
    /// Whoever the kernel lets.
    Anybody,
    /// Process 1.
    Systemd,
    /// The agent alone.
    Nobody,
}

#[expect(clippy::inline_always, reason = "programs of the kernel call nothing")]
#[inline(always)]
fn has<const N: usize>(names: &[u64; N], of: u64) -> bool {
    let mut found = false;
    for name in names {
        found |= *name == of;
    }
    found
}

/// Signals by which systemd stops, reloads and watches a service: `SIGHUP`, `SIGABRT`, `SIGKILL`, `SIGTERM`,
/// `SIGCONT` (`include/uapi/asm-generic/signal.h`).
pub const OF_SYSTEMD: [u32; 5] = [1, 6, 9, 15, 18];

const _: () = assert!(size_of::<Place>() == 16);
const _: () = assert!(size_of::<Home>() == 32 + 16 * CODE + 16 * FOLDERS + 24);
const _: () = assert!(size_of::<Guarded>() == 4);
const _: () = assert!(size_of::<Learnt>() == 24);
const _: () = assert!(size_of::<Mark>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_told_from_every_other_that_the_kernel_has() {
        assert_eq!(name(b""), BASIS);
        assert_ne!(name(b"authorized"), name(b"authorized_default"));
        for free in [
            &b"power"[..],
            b"uevent",
            b"control",
            b"brightness",
            b"",
            b"id",
        ] {
            assert_eq!(switch(name(free)), 0);
        }
        assert_eq!(switch(name(b"authorized")), GUARD_DEVICES);
        assert_eq!(switch(name(b"soft")), GUARD_RADIO);
        assert_eq!(switch(name(b"protocols")), GUARD_INFRARED);
        assert_eq!(switch(name(b"UDC")), GUARD_GADGET);
        assert!(setting(name(b"ftrace_enabled")) && !setting(name(b"hostname")));
    }

    #[test]
    fn the_service_s_control_group_is_systemd_s_and_freezing_it_nobody_s() {
        let service = name(b"cardwardend.service");
        assert_eq!(cgroup(service, name(b"cgroup.kill")), Grouped::Systemd);
        assert_eq!(cgroup(service, name(b"cgroup.procs")), Grouped::Anybody);
        assert_eq!(cgroup(service, name(b"cgroup.freeze")), Grouped::Nobody);
        let slice = name(b"system.slice");
        assert_eq!(cgroup(slice, name(b"cgroup.kill")), Grouped::Systemd);
        assert_eq!(cgroup(slice, name(b"io.weight")), Grouped::Anybody);
        let other = name(b"other.service");
        assert_eq!(cgroup(other, name(b"cgroup.kill")), Grouped::Anybody);
    }

    #[test]
    fn a_file_that_gets_the_number_of_one_that_is_gone_is_another() {
        let place = |inode, generation| Place {
            inode,
            device: 1,
            generation,
        };
        let mut home = Home {
            executable: place(7, 1),
            kept: place(8, 2),
            ..Home::default()
        };
        home.code[0] = place(9, 3);
        for file in [place(7, 1), place(8, 2)] {
            assert!(home.is_executable(file) && home.runs(file));
        }
        assert!(home.runs(place(9, 3)) && !home.is_executable(place(9, 3)));
        for file in [place(7, 2), place(8, 1), place(9, 4), Place::default()] {
            assert!(!home.is_executable(file) && !home.runs(file));
        }
    }

    #[test]
    fn acts_are_numbered_in_order() {
        for (place, act) in Act::ALL.into_iter().enumerate() {
            assert_eq!(usize::try_from(act.number()), Ok(place + 1));
        }
    }
}
