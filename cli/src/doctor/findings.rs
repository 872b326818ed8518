//! What follows from what a machine has: what is missing, what that costs, and how to mend it.

use std::collections::BTreeMap;
use std::path::Path;

use cardwarden_policy::Function;
use cardwarden_policy::outcome::Tier;
use serde::Serialize;

use super::evidence::{Evidence, Thing};

/// How one thing stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Standing {
    /// As it should be.
    Fine,
    /// Something is lost by it.
    Missing,
    /// It cannot be told from here.
    Unknown,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Finding {
    /// A stable word.
    pub(super) id: &'static str,
    /// How it stands.
    pub(super) standing: Standing,
    /// What was found.
    pub(super) found: String,
    /// What it costs; empty when nothing.
    pub(super) cost: &'static str,
    /// What to do about it; empty when nothing.
    pub(super) remedy: String,
}

/// How well a function can be held here.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Reach {
    /// The best tier that this machine allows.
    pub(super) tier: Tier,
    /// Whether a program that uses the function already is refused from then on.
    pub(super) stops_what_is_open: bool,
}

/// What LSM programs need, beside `bpf` among the active modules.
const LSM_OPTIONS: [&str; 3] = ["BPF_SYSCALL", "BPF_LSM", "DEBUG_INFO_BTF"];
/// What the cgroup-device program needs.
const CGROUP_OPTIONS: [&str; 3] = ["BPF_SYSCALL", "CGROUPS", "CGROUP_BPF"];

/// What is lost without LSM programs.
const WITHOUT_LSM: &str =
    "Bluetooth and NFC sockets are not refused, and what was open before stays open";
/// Where the agent attaches.
const CGROUP: &str = "/sys/fs/cgroup";

/// Everything that was looked at, in the order in which a person would mend it.
pub(super) fn findings(has: &Evidence) -> Vec<Finding> {
    let mut all = of_the_kernel(has);
    all.extend(of_services(has));
    all
}

fn of_the_kernel(has: &Evidence) -> Vec<Finding> {
    vec![
        options(
            has,
            "cgroup-bpf",
            &CGROUP_OPTIONS,
            "device nodes are held by their permissions alone, which root passes",
        ),
        options(has, "bpf-lsm", &LSM_OPTIONS, WITHOUT_LSM),
        lsm_order(has),
        yes_or_no(
            "btf",
            has.there.contains(&Thing::Btf),
            ["/sys/kernel/btf/vmlinux", "no /sys/kernel/btf/vmlinux"],
            "no LSM program can be loaded, since nothing tells where the kernel keeps what they read",
            "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
        ),
        cgroup(has),
        yes_or_no(
            "bpffs",
            has.there.contains(&Thing::Bpffs),
            ["mounted at /sys/fs/bpf", "not mounted at /sys/fs/bpf"],
            "what is refused is lost when the agent ends",
            "mount -t bpf bpf /sys/fs/bpf; systemd does it at boot",
        ),
        jit(has),
        yes_or_no(
            "rfkill",
            has.there.contains(&Thing::Rfkill),
            ["/dev/rfkill", "no /dev/rfkill"],
            "Bluetooth and NFC adapters are not switched off, only refused",
            "use a kernel with CONFIG_RFKILL; `modprobe rfkill` where it is a module",
        ),
        usb(has),
    ]
}

fn of_services(has: &Evidence) -> [Finding; 4] {
    [
        yes_or_no(
            "udev",
            has.there.contains(&Thing::Udev),
            ["runs", "does not run"],
            "before the agent runs, and on kernels without BPF, nothing keeps nodes closed",
            "install and start udev (package udev or eudev)",
        ),
        rules(has),
        yes_or_no(
            "pcscd",
            has.there.contains(&Thing::Pcscd),
            ["listens", "does not listen at /run/pcscd/pcscd.comm"],
            "no smart card can be read",
            "install pcscd and start its socket: systemctl enable --now pcscd.socket",
        ),
        yes_or_no(
            "bus",
            has.there.contains(&Thing::Bus),
            ["system bus", "no system bus at /run/dbus/system_bus_socket"],
            "nobody can be shown or asked anything; what a card says is enforced all the same",
            "install and start dbus or dbus-broker",
        ),
    ]
}

/// How well each function can be held here, when its devices are there.
pub(super) fn reach(has: &Evidence) -> BTreeMap<Function, Reach> {
    Function::ALL
        .into_iter()
        .map(|function| (function, reach_of(function, has)))
        .collect()
}

fn reach_of(function: Function, has: &Evidence) -> Reach {
    let lsm = can_use_lsm(has);
    let programs = (Tier::KernelOpen, lsm || can_use_cgroup(has));
    let sockets = (Tier::KernelOpen, lsm);
    let radio = (Tier::Device, has.there.contains(&Thing::Rfkill));
    let usb = (Tier::Device, has.usb_authorising > 0);
    let udev = (Tier::Node, has.there.contains(&Thing::Udev));
    // Protocols of infrared receivers and bindings of gadgets are switched in sysfs and configfs.
    let switch = (Tier::Device, true);
    let ways: &[(Tier, bool)] = match function {
        Function::Camera => &[programs, usb, udev],
        Function::Microphone => &[programs, udev],
        Function::Infrared => &[programs, switch],
        Function::Bluetooth | Function::Nfc => &[sockets, radio],
        Function::UsbGadget => &[switch],
        Function::Usb
        | Function::UsbStorage
        | Function::UsbHid
        | Function::UsbNetwork
        | Function::UsbAudio
        | Function::UsbVideo
        | Function::UsbSerial
        | Function::UsbPrinter
        | Function::UsbSmartcard
        | Function::UsbOther => &[usb],
    };
    let tier = ways.iter().find(|(_, is_there)| *is_there);
    let tier = tier.map_or(Tier::None, |(tier, _)| *tier);
    let stops_what_is_open = match tier {
        Tier::None | Tier::Node => false,
        _ if function.is_usb() || function == Function::UsbGadget => true,
        Tier::Kernel | Tier::KernelOpen | Tier::Device => lsm,
    };
    Reach {
        tier,
        stops_what_is_open,
    }
}

/// What cannot be told is taken for there: the agent tries it.
fn can_use_lsm(has: &Evidence) -> bool {
    let is_active = has
        .lsm
        .as_ref()
        .is_none_or(|active| active.iter().any(|name| name == "bpf"));
    is_active && has.there.contains(&Thing::Btf) && lacking(has, &LSM_OPTIONS).is_empty()
}

fn can_use_cgroup(has: &Evidence) -> bool {
    has.cgroup2.as_deref() == Some(Path::new(CGROUP)) && lacking(has, &CGROUP_OPTIONS).is_empty()
}

/// Options that are known to be off.
fn lacking<'o>(has: &Evidence, options: &[&'o str]) -> Vec<&'o str> {
    let is_off = |option: &&&str| has.has(option) == Some(false);
    options.iter().filter(is_off).copied().collect()
}

fn fine(id: &'static str, found: impl Into<String>) -> Finding {
    Finding {
        id,
        standing: Standing::Fine,
        found: found.into(),
        cost: "",
        remedy: String::new(),
    }
}

fn missing(
    id: &'static str,
    found: impl Into<String>,
    cost: &'static str,
    remedy: impl Into<String>,
) -> Finding {
    Finding {
        standing: Standing::Missing,
        cost,
        remedy: remedy.into(),
        ..fine(id, found)
    }
}

fn unknown(id: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding {
        standing: Standing::Unknown,
        remedy: remedy.into(),
        ..fine(id, found)
    }
}

fn yes_or_no(
    id: &'static str,
    is_there: bool,
    [there, not_there]: [&str; 2],
    cost: &'static str,
    remedy: &str,
) -> Finding {
    if is_there {
        fine(id, there)
    } else {
        missing(id, not_there, cost, remedy)
    }
}

fn options(has: &Evidence, id: &'static str, options: &[&str], cost: &'static str) -> Finding {
    let named = |all: &[&str]| {
        let names: Vec<String> = all.iter().map(|name| format!("CONFIG_{name}")).collect();
        names.join(", ")
    };
    if has.config.is_none() {
        let text = format!(
            "the options of kernel {} are not to be had",
            or_unnamed(&has.release)
        );
        let remedy = "a kernel with CONFIG_IKCONFIG_PROC, or its config file in /boot, would tell";
        return unknown(id, text, remedy);
    }
    let lacking = lacking(has, options);
    if lacking.is_empty() {
        fine(id, named(options))
    } else {
        let lacking = named(&lacking);
        missing(
            id,
            format!("without {lacking}"),
            cost,
            format!("use a kernel with {lacking}"),
        )
    }
}

fn or_unnamed(release: &str) -> &str {
    if release.is_empty() {
        "(unknown)"
    } else {
        release
    }
}

fn lsm_order(has: &Evidence) -> Finding {
    let id = "lsm";
    let Some(active) = &has.lsm else {
        let remedy = "mount -t securityfs securityfs /sys/kernel/security";
        return unknown(id, "the active security modules are not to be had", remedy);
    };
    let order = active.join(",");
    if active.iter().any(|name| name == "bpf") {
        return fine(id, order);
    }
    let kept: Vec<&str> = active
        .iter()
        .map(String::as_str)
        .filter(|name| *name != "capability")
        .chain(["bpf"])
        .collect();
    missing(
        id,
        format!("{order}: `bpf` is not among them"),
        WITHOUT_LSM,
        format!(
            "boot with lsm={} on the kernel's command line",
            kept.join(",")
        ),
    )
}

fn cgroup(has: &Evidence) -> Finding {
    let found = match &has.cgroup2 {
        Some(place) if place == Path::new(CGROUP) => {
            return fine("cgroup", format!("version 2, mounted at {CGROUP}"));
        }
        Some(place) => format!(
            "version 2 is mounted at {}, not at {CGROUP}",
            place.display()
        ),
        None => "version 2 is not mounted".to_owned(),
    };
    missing(
        "cgroup",
        found,
        "device nodes are refused by a hook that every file pays for, or not at all",
        "boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none /sys/fs/cgroup",
    )
}

fn jit(has: &Evidence) -> Finding {
    match has.jit {
        Some(true) => fine("jit", "on"),
        Some(false) => missing(
            "jit",
            "off",
            "LSM programs cannot be attached, and the others are slower",
            "sysctl net.core.bpf_jit_enable=1; needs CONFIG_BPF_JIT",
        ),
        None => unknown("jit", "only root may know", "run this as root"),
    }
}

fn rules(has: &Evidence) -> Finding {
    if has.missing_rules.is_empty() {
        return fine("udev-rules", "installed");
    }
    missing(
        "udev-rules",
        format!("without {}", has.missing_rules.join(" and ")),
        "between boot and the agent's start anybody at the seat can open what will be off",
        "install them from udev-rules/ into /usr/lib/udev/rules.d",
    )
}

fn usb(has: &Evidence) -> Finding {
    let (all, switched) = (has.usb_controllers, has.usb_authorising);
    if all == 0 {
        return fine("usb", "no USB controller");
    }
    if all == switched {
        let plural = if all == 1 { "" } else { "s" };
        return fine(
            "usb",
            format!("{all} controller{plural} with authorisation"),
        );
    }
    missing(
        "usb",
        format!("{switched} of {all} controllers with authorisation"),
        "USB devices on the others are not refused",
        "look whether something covers /sys/bus/usb/devices/usb*/authorized_default",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES_AND_MOUNTS: [Thing; 6] = [
        Thing::Btf,
        Thing::Bpffs,
        Thing::Udev,
        Thing::Rfkill,
        Thing::Pcscd,
        Thing::Bus,
    ];

    fn whole() -> Evidence {
        let on = [
            "BPF_SYSCALL",
            "BPF_LSM",
            "DEBUG_INFO_BTF",
            "CGROUPS",
            "CGROUP_BPF",
        ];
        Evidence {
            release: "6.12".to_owned(),
            lsm: Some(vec![
                "capability".to_owned(),
                "yama".to_owned(),
                "bpf".to_owned(),
            ]),
            config: Some(on.map(|name| (name.to_owned(), "y".to_owned())).into()),
            there: FILES_AND_MOUNTS.into(),
            cgroup2: Some("/sys/fs/cgroup".into()),
            jit: Some(true),
            missing_rules: Vec::new(),
            usb_controllers: 1,
            usb_authorising: 1,
        }
    }

    fn tier(has: &Evidence, function: Function) -> Tier {
        reach(has)[&function].tier
    }

    #[test]
    fn a_whole_machine_lacks_nothing() {
        let has = whole();
        for finding in findings(&has) {
            assert_eq!(finding.standing, Standing::Fine, "{finding:?}");
        }
        assert_eq!(tier(&has, Function::Bluetooth), Tier::KernelOpen);
        assert_eq!(tier(&has, Function::UsbStorage), Tier::Device);
        assert!(reach(&has)[&Function::Camera].stops_what_is_open);
    }

    #[test]
    fn a_phone_s_kernel_without_bpf_lsm_still_refuses_nodes_and_says_what_to_boot_with() {
        let mut has = whole();
        has.lsm = Some(vec!["capability".to_owned(), "yama".to_owned()]);
        assert_eq!(tier(&has, Function::Camera), Tier::KernelOpen);
        assert_eq!(tier(&has, Function::Bluetooth), Tier::Device);
        assert!(!reach(&has)[&Function::Camera].stops_what_is_open);
        let missing: Vec<Finding> = findings(&has)
            .into_iter()
            .filter(|one| one.standing != Standing::Fine)
            .collect();
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].id, "lsm");
        assert_eq!(
            missing[0].remedy,
            "boot with lsm=yama,bpf on the kernel's command line"
        );
    }

    #[test]
    fn everything_that_is_missing_says_what_it_costs_and_how_to_mend_it() {
        let nothing = Evidence {
            config: Some(BTreeMap::new()),
            lsm: Some(Vec::new()),
            jit: Some(false),
            missing_rules: vec!["a"],
            usb_controllers: 1,
            ..Evidence::default()
        };
        for finding in findings(&nothing) {
            assert_eq!(finding.standing, Standing::Missing, "{finding:?}");
            assert!(!finding.cost.is_empty() && !finding.remedy.is_empty());
        }
        for (function, reach) in reach(&nothing) {
            let by_driver = matches!(function, Function::Infrared | Function::UsbGadget);
            assert_eq!(reach.tier == Tier::None, !by_driver, "{function}");
            let is_stopped = function == Function::UsbGadget;
            assert_eq!(reach.stops_what_is_open, is_stopped, "{function}");
        }
    }

    #[test]
    fn what_is_lost_never_makes_a_tier_better() {
        type Loss = fn(&mut Evidence);
        let losses: [Loss; 7] = [
            |has| has.lsm = Some(Vec::new()),
            |has| has.there.retain(|thing| *thing != Thing::Btf),
            |has| has.cgroup2 = None,
            |has| has.config = Some(BTreeMap::new()),
            |has| has.there.retain(|thing| *thing != Thing::Udev),
            |has| has.there.retain(|thing| *thing != Thing::Rfkill),
            |has| has.usb_authorising = 0,
        ];
        let best = reach(&whole());
        for loss in losses {
            let mut has = whole();
            loss(&mut has);
            for (function, reach) in reach(&has) {
                assert!(reach.tier >= best[&function].tier, "{function}");
            }
        }
    }
}
