//! The policy language as people write it, and the one of `USBGuard`.

use cardwarden_policy::usb::descriptors::{by_number, settings};
use cardwarden_policy::usb::usbguard::import;
use cardwarden_policy::{Group, Policy};

use crate::company::POLICY;
use crate::{QUICK, Target};

/// Any text is a policy or is not, and what is read is written and read again as the same: as
/// TOML, as Management Objects, and as the one by way of the other.
pub(crate) const TOML: Target = Target {
    name: "policy-toml",
    check: |bytes| {
        if let Some(policy) = text(bytes).and_then(|text| Policy::from_toml(text).ok()) {
            is_the_same_in_every_spelling(policy);
        }
    },
    seeds: || {
        vec![
            POLICY.into(),
            b"contact = \"a\"\n".into(),
            b"[[rules]]\nid = \"a\"\nfunctions = [\"camera\"]\naction = \"disable\"\n".into(),
        ]
    },
    words: TOML_WORDS,
    inputs: QUICK,
    longest: 4096,
};

/// Any text is a file of `USBGuard`'s rules or is not; what becomes of it can stand in a policy.
pub(crate) const USBGUARD: Target = Target {
    name: "usbguard",
    check: |bytes| {
        let Some(import) = text(bytes).and_then(|text| import(text).ok()) else {
            return;
        };
        let lines = bytes.split(|byte| *byte == b'\n').count();
        for note in &import.report {
            assert!(note.line >= 1 && usize::try_from(note.line).unwrap() <= lines);
        }
        for entry in import.allow.iter().chain(&import.deny) {
            assert_eq!(entry.check(), Ok(()), "{entry:?}");
        }
    },
    seeds: || vec![USBGUARD_RULES.into()],
    words: USBGUARD_WORDS,
    inputs: QUICK,
    longest: 1024,
};

/// Whatever a device says of itself, each interface found lies in its bytes, and none is lost on the way.
pub(crate) const DESCRIPTORS: Target = Target {
    name: "usb-descriptors",
    check: |bytes| {
        let found = settings(bytes);
        assert!(found.len() * 9 <= bytes.len());
        let laid = by_number(&found);
        for setting in &found {
            let classes = laid.get(&setting.number);
            assert!(classes.is_some_and(|classes| classes.contains(&setting.class)));
            let class = setting.class;
            let spelt = [class.class, class.subclass, class.protocol];
            assert!(bytes.windows(3).any(|window| window == spelt));
        }
    },
    seeds: || {
        let device = [
            18, 1, 0, 2, 0xef, 2, 1, 64, 0x6d, 4, 0x25, 8, 0, 1, 1, 2, 3, 1,
        ];
        // A camera with a microphone: an association, a control interface, two settings of streaming, sound.
        let camera = [
            &device[..],
            &[
                9, 2, 0xff, 0, 3, 1, 0, 0x80, 250, 8, 0x0b, 0, 2, 0x0e, 3, 0, 0,
            ],
            &[9, 4, 0, 0, 0, 0x0e, 1, 0, 0, 9, 4, 1, 0, 0, 0x0e, 2, 0, 0],
            &[9, 4, 1, 1, 1, 0x0e, 2, 0, 0, 7, 5, 0x81, 5, 0, 4, 1],
            &[9, 4, 2, 0, 0, 1, 1, 0, 0],
        ];
        vec![device.into(), camera.concat()]
    },
    words: &[],
    inputs: QUICK,
    longest: 256,
};

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn is_the_same_in_every_spelling(policy: Policy) {
    let written = policy.to_toml();
    assert_eq!(
        Policy::from_toml(&written).as_ref(),
        Ok(&policy),
        "{written}"
    );
    let group = Group {
        policy,
        account: None,
    };
    let again = Group::from_bytes(&group.to_bytes().unwrap()).unwrap();
    assert_eq!(again, group);
    assert_eq!(again.policy.to_toml(), written);
}

const TOML_WORDS: &[&str] = &[
    "contact = ",
    "[baseline]\n",
    "[[rules]]\n",
    "[[rules.when.all]]\n",
    "id = ",
    "functions = ",
    "action = ",
    "on-unknown = ",
    "notify = ",
    "when",
    "all",
    "any",
    "not",
    "weekly",
    "days",
    "from",
    "to",
    "zone",
    "\"enable\"",
    "\"disable\"",
    "\"audit\"",
    "\"restrict\"",
    "\"ignore\"",
    "camera",
    "microphone",
    "bluetooth",
    "usb",
    "usb.storage",
    "usb.hid",
    "usb-gadget",
    "infrared",
    "nfc",
    "\"mon\"",
    "\"mon-sun\"",
    "\"00:00\"",
    "\"24:00\"",
    "\"Europe/Berlin\"",
    "\"UTC\"",
    "\"\"\"",
    "'''",
    "\\u0000",
    "period",
    "network",
    "place",
    "circle",
    "polygon",
    "card",
    "session",
    "power",
    "server",
    "silent-for",
    "[[tasks]]\n",
    "at.once",
    "at.weekly",
    "at.monthly",
    "missed",
    "for",
    "[validity]\n",
    "[audience]\n",
    "[remote]\n",
    "allow",
    "deny",
    "interfaces",
    "\"08:06:50\"",
    "\"046d:c31c\"",
    "storage",
    "\"read-only\"",
    "\"15m\"",
    "\"2026-03-29T02:30\"",
];

const USBGUARD_RULES: &str = r#"allow id 1d6b:0002 serial "0000:00:14.0" name "xHCI" hash "4Q3Ski/Lqi8RbTFr10zFlIpagY9AKVMszyzBQJVKE+c=" with-interface 09:00:00 via-port "usb1"
# a keyboard
allow id 046d:c31c with-interface one-of { 03:01:01 03:00:00 } with-connect-type "hardwired"
reject with-interface all-of { 08:*:* 03:00:* }
block id *:* if rule-evaluated(20s)
allow id { 1050:* 1050:0407 } label "key"
"#;

const USBGUARD_WORDS: &[&str] = &[
    "allow",
    "block",
    "reject",
    "id",
    "serial",
    "name",
    "hash",
    "parent-hash",
    "via-port",
    "with-interface",
    "with-connect-type",
    "if",
    "label",
    "all-of",
    "one-of",
    "none-of",
    "equals",
    "equals-ordered",
    "match-all",
    "localtime(",
    "allowed-matches(",
    "random(",
    "true",
    "08:06:50",
    "*:*",
    "\\x41",
];
