//! The policy language as people write it.

use cardwarden_policy::Policy;

use crate::Target;
use crate::company::POLICY;

/// Any text is a policy or is not, and what is read is written and read again as the same.
pub(crate) const TOML: Target = Target {
    name: "policy-toml",
    check: |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        if let Ok(policy) = Policy::from_toml(text) {
            let written = policy.to_toml().unwrap();
            assert_eq!(
                Policy::from_toml(&written).as_ref(),
                Ok(&policy),
                "{written}"
            );
        }
    },
    seeds: || {
        vec![
            POLICY.into(),
            b"contact = \"a\"\n".into(),
            b"[[rules]]\nid = \"a\"\nfunctions = [\"camera\"]\naction = \"disable\"\n".into(),
        ]
    },
    words: WORDS,
    longest: 2048,
};

const WORDS: &[&str] = &[
    "contact = ",
    "baseline",
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
    "\"sun\"",
    "\"00:00\"",
    "\"24:00\"",
    "\"Europe/Berlin\"",
    "\"UTC\"",
    "\"\"\"",
    "'''",
    "\\u0000",
];
