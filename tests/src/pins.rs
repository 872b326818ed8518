//! Every version, package and kernel module that the lab names, in this one place.
//!
//! What Debian serves is pinned by suite, not by number: a suite's packages only ever get fixes, and a number
//! that has been superseded cannot be downloaded any more. The exact kernel is resolved when an image is made
//! and written beside it.

/// bpf-linker, from crates.io; built against [`LLVM`].
pub const BPF_LINKER: &str = "0.13.0";

/// The LLVM that bpf-linker is built against: the same major number as in Debian's `rustc-web`.
pub const LLVM: &str = "22";

/// A package of the host and what it is wanted for.
pub type Wanted = (&'static str, &'static str);

/// What building and the lab need on the host, by Debian's package names.
pub const HOST_PACKAGES: &[Wanted] = &[
    ("build-essential", "the linker; C and C++ parts of crates"),
    ("pkg-config", "finds libraries for crates"),
    ("libpcsclite-dev", "the agent talks to card readers"),
    ("libudev-dev", "the agent sees devices"),
    ("libclang-dev", "the lab's card firmware generates bindings"),
    ("rustc-web", "compiles the kernel programs"),
    ("cargo-web", "builds the kernel programs"),
    ("libstd-rust-web-dev-bpf", "Rust's core library for BPF"),
    ("llvm-22-dev", "bpf-linker is built against it"),
    ("mmdebstrap", "makes the guest's file system"),
    ("debian-archive-keyring", "checks the guest's packages"),
    ("squashfs-tools", "packs the guest's file system"),
    ("busybox-static", "the guest's first program"),
    ("e2fsprogs", "makes the guest's disk"),
    ("kmod", "finds what kernel modules depend on"),
    ("xz-utils", "unpacks kernels and modules"),
    ("zstd", "unpacks kernels"),
    ("qemu-system-x86", "runs the guest"),
    ("pcscd", "card tests on the host"),
    ("vsmartcard-vpcd", "the virtual card reader"),
    ("vsmartcard-vpicc", "a card with files that others wrote"),
    ("python3-pycryptodome", "what that card computes with"),
    ("opensc", "an independent reader and writer of cards"),
    ("softhsm2", "a token that holds signing keys"),
    ("libtss2-dev", "the agent talks to TPMs"),
    ("swtpm", "a TPM that is a program"),
    ("openssl", "an independent user of TPMs"),
    ("tpm2-openssl", "shows TPMs to openssl"),
    (
        "libwbxml2-utils",
        "an independent reader and writer of WBXML",
    ),
];

/// The guest's packages; it is of the host's own suite, since the product is linked with the host's C library.
pub const GUEST_PACKAGES: &[&str] = &[
    "alsa-utils",
    "bluez",
    "bluez-test-tools",
    "ca-certificates",
    "dbus",
    "dosfstools",
    "iproute2",
    "kmod",
    "libccid",
    "libpam-systemd",
    "opensc",
    "openssl",
    "pcscd",
    "polkitd",
    "procps",
    "python3",
    "rfkill",
    "socat",
    "sqlite3",
    "strace",
    "systemd",
    "systemd-sysv",
    "tzdata",
    "udev",
    "usbguard",
    "usbutils",
    "v4l-utils",
    "vsmartcard-vpcd",
];

/// The suites whose binaries can run in the guest.
pub const SUITES: &[&str] = &["bookworm", "trixie"];

/// A kernel of the lab: the name used on command lines, and the suite it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kernel {
    /// Debian 12's.
    V6_1,
    /// Debian 13's.
    V6_12,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::V6_1, Self::V6_12];

    /// As written on command lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }

    /// The Debian suite that carries it.
    pub const fn suite(self) -> &'static str {
        match self {
            Self::V6_1 => "bookworm",
            Self::V6_12 => "trixie",
        }
    }
}

impl std::str::FromStr for Kernel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kernel| kernel.name() == text)
            .ok_or_else(|| "the lab has the kernels 6.1 and 6.12".to_owned())
    }
}

/// What the guest's kernel can hold a policy with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tier {
    /// Everything, as Debian starts it.
    #[default]
    Kernel,
    /// No programs at LSM hooks, as on most phones: the kernel is started without the `bpf` LSM.
    KernelOpen,
}

impl Tier {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Kernel, Self::KernelOpen];

    /// As written on command lines, and as the product calls what it reaches at best.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::KernelOpen => "kernel-open",
        }
    }

    /// Options for the kernel's command line.
    pub const fn kernel_options(self) -> &'static str {
        match self {
            Self::Kernel => "",
            // Debian's own list (`CONFIG_LSM`) without `bpf`.
            Self::KernelOpen => {
                "lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor,selinux,smack,tomoyo"
            }
        }
    }
}

impl std::str::FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|tier| tier.name() == text)
            .ok_or_else(|| "the lab has the tiers kernel and kernel-open".to_owned())
    }
}

/// A kernel, and how it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct System {
    /// Whose kernel.
    pub kernel: Kernel,
    /// With what.
    pub tier: Tier,
}

impl System {
    /// For folders and messages.
    pub fn name(self) -> String {
        match self.tier {
            Tier::Kernel => self.kernel.name().to_owned(),
            Tier::KernelOpen => format!("{}@{}", self.kernel.name(), self.tier.name()),
        }
    }
}

impl From<Kernel> for System {
    fn from(kernel: Kernel) -> Self {
        Self {
            kernel,
            tier: Tier::default(),
        }
    }
}

/// Modules that the start-up archive loads, in this order, before the guest's file system is there.
pub const EARLY_MODULES: &[&str] = &[
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_rng",
    "squashfs",
    "overlay",
    "crc32c_generic",
    "ext4",
];

/// Modules that the guest can load besides [`EARLY_MODULES`]; what they depend on comes along.
///
/// A name that a kernel does not have is left out for that kernel.
pub const MODULES: &[&str] = &[
    // cameras, codecs
    "vivid",
    "uvcvideo",
    // Bluetooth; the crypto modules are what btvirt and bluetoothd ask for through AF_ALG
    "bluetooth",
    "btusb",
    "hci_vhci",
    "hci_uart",
    "rfcomm",
    "bnep",
    "hidp",
    "af_alg",
    "algif_hash",
    "algif_skcipher",
    "algif_aead",
    "cmac",
    "ecb",
    "ccm",
    "ctr",
    "ecdh_generic",
    "aes_generic",
    "crc16",
    "drbg",
    "jitterentropy_rng",
    "hmac",
    "sha256_generic",
    "sha512_generic",
    "cryptd",
    "cbc",
    "gcm",
    "rfkill",
    "uhid",
    "uinput",
    // networks
    "dummy",
    // USB, both sides
    "xhci_hcd",
    "xhci_pci",
    "ehci_hcd",
    "uhci_hcd",
    "usbcore",
    "usbhid",
    "hid_generic",
    "usb_storage",
    "uas",
    "sd_mod",
    "sg",
    "cdc_acm",
    "cdc_ether",
    "cdc_ncm",
    "usblp",
    "usbmon",
    "dummy_hcd",
    "libcomposite",
    "usb_f_acm",
    "usb_f_ecm",
    "usb_f_fs",
    "usb_f_hid",
    "usb_f_mass_storage",
    "usb_f_midi",
    "usb_f_printer",
    "usb_f_ncm",
    "usb_f_rndis",
    "usb_f_uac2",
    "usb_f_uvc",
    "configfs",
    "usbip_core",
    "vhci_hcd",
    "usbip_host",
    "usbip_vudc",
    // infrared, NFC, sound, network
    "rc_core",
    "rc_loopback",
    "ir_nec_decoder",
    "ir_rc5_decoder",
    "nfc",
    "nfcsim",
    "snd_aloop",
    "snd_usb_audio",
    "snd_usbmidi_lib",
    "mac80211_hwsim",
    "af_packet",
    "unix_diag",
    "inet_diag",
    "tcp_diag",
    "udp_diag",
    "veth",
    "dummy",
    "tun",
    "evdev",
    // file systems and odds and ends of a systemd machine
    "autofs4",
    "fuse",
    "loop",
    "vfat",
    "nls_ascii",
    "nls_cp437",
    "nls_utf8",
    "tmpfs",
    "9p",
    "9pnet_virtio",
    "binfmt_misc",
    "efivarfs",
    "dm_mod",
    "ip_tables",
    "x_tables",
    "nf_tables",
];

/// Services of a Debian machine that the lab has no use for and that cost seconds of every boot.
pub const MASKED_UNITS: &[&str] = &[
    "alsa-restore.service",
    "alsa-state.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "container-getty@.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
    "getty.target",
    "ldconfig.service",
    "modprobe@.service",
    "serial-getty@.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-networkd-wait-online.service",
    "systemd-network-generator.service",
    "systemd-pcrphase.service",
    "systemd-pcrphase-initrd.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-update-done.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "usbguard-dbus.service",
    "usbguard.service",
];
