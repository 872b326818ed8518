//! What the Policy Management Object is made of: one table, from which it is written, read and
//! described.

/// What a node holds.
pub(super) enum Shape {
    /// A text.
    Text,
    /// Words with spaces between them. A space or a backslash in a word has a backslash before it.
    Words,
    /// A value in TOML, as it stands after `=` in a policy that people write.
    Toml,
    /// A table of these nodes, of which TOML may write the first alone, without brackets.
    Notice(&'static [Field]),
    /// A table of these nodes.
    Table(&'static [Field]),
    /// Any number of tables of these nodes, in order, each named by its `id`. A slash or a percent
    /// sign in an id is written as in a URI (`%2F`, `%25`).
    List(&'static [Field]),
    /// Texts by name.
    Names,
}

/// One node, by its name in a tree and its key in TOML.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    pub(super) shape: Shape,
    pub(super) is_needed: bool,
    /// What it holds when it is not there.
    pub(super) default: Option<&'static str>,
    pub(super) about: &'static str,
}

const fn needed(name: &'static str, key: &'static str, shape: Shape, about: &'static str) -> Field {
    Field {
        name,
        key,
        shape,
        is_needed: true,
        default: None,
        about,
    }
}

const fn optional(
    name: &'static str,
    key: &'static str,
    shape: Shape,
    about: &'static str,
) -> Field {
    Field {
        is_needed: false,
        ..needed(name, key, shape, about)
    }
}

const NOTICE: &[Field] = &[
    needed(
        "Text",
        "text",
        Shape::Text,
        "What the person at the device is told.",
    ),
    optional("Contact", "contact", Shape::Text, "Whom to ask about this."),
    optional("Url", "url", Shape::Text, "Where to read on."),
];

const RULE: &[Field] = &[
    needed(
        "Functions",
        "functions",
        Shape::Words,
        "What it is about: camera, usb.storage …",
    ),
    Field {
        default: Some("disable"),
        ..optional("Action", "action", Shape::Text, "enable, disable or audit.")
    },
    optional(
        "When",
        "when",
        Shape::Toml,
        "When it holds; always, without this node.",
    ),
    optional(
        "OnUnknown",
        "on-unknown",
        Shape::Text,
        "restrict or ignore, while facts are unknown.",
    ),
    optional(
        "Allow",
        "allow",
        Shape::Toml,
        "USB devices that may be used.",
    ),
    optional(
        "Deny",
        "deny",
        Shape::Toml,
        "USB devices that must not be used.",
    ),
    optional(
        "Storage",
        "storage",
        Shape::Text,
        "read-only: what is left of storage.",
    ),
    optional(
        "Notify",
        "notify",
        Shape::Notice(NOTICE),
        "What people are told.",
    ),
];

const TASK: &[Field] = &[
    needed("Functions", "functions", Shape::Words, "What it switches."),
    needed("Action", "action", Shape::Text, "enable or disable."),
    needed("At", "at", Shape::Toml, "When it runs."),
    optional(
        "For",
        "for",
        Shape::Text,
        "For how long it holds, such as 8h.",
    ),
    optional(
        "Missed",
        "missed",
        Shape::Text,
        "run-late, skip or latest-only.",
    ),
    optional(
        "Notify",
        "notify",
        Shape::Notice(NOTICE),
        "What people are told.",
    ),
];

const VALIDITY: &[Field] = &[
    optional(
        "NotBefore",
        "not-before",
        Shape::Text,
        "Not taken before this instant (RFC 3339).",
    ),
    optional(
        "NotAfter",
        "not-after",
        Shape::Text,
        "Not taken from this instant on (RFC 3339).",
    ),
];

const AUDIENCE: &[Field] = &[
    optional(
        "Devices",
        "devices",
        Shape::Words,
        "Identifiers of devices.",
    ),
    optional(
        "Kinds",
        "kinds",
        Shape::Words,
        "Kinds of device, such as laptop.",
    ),
    optional(
        "Models",
        "models",
        Shape::Words,
        "Models, as their makers call them.",
    ),
];

const REMOTE: &[Field] = &[
    optional("May", "may", Shape::Text, "tighten or loosen."),
    optional(
        "For",
        "for",
        Shape::Text,
        "The longest that one operation holds, such as 8h.",
    ),
];

/// The nodes right below the object's root.
pub(super) const POLICY: &[Field] = &[
    optional(
        "Organisation",
        "organisation",
        Shape::Text,
        "Whose policy it is.",
    ),
    optional("Contact", "contact", Shape::Text, "Whom people ask."),
    optional(
        "Help",
        "help",
        Shape::Text,
        "A web page that helps further.",
    ),
    optional(
        "Zone",
        "zone",
        Shape::Text,
        "The IANA zone of times that name none.",
    ),
    optional(
        "Validity",
        "validity",
        Shape::Table(VALIDITY),
        "When a device may take it.",
    ),
    optional(
        "Audience",
        "audience",
        Shape::Table(AUDIENCE),
        "Which devices may take it.",
    ),
    optional(
        "Companies",
        "companies",
        Shape::Text,
        "one or several: whether another company may have a say, too.",
    ),
    optional(
        "Guard",
        "guard",
        Shape::Text,
        "on or off: whether root is kept from undoing it.",
    ),
    optional(
        "Baseline",
        "baseline",
        Shape::Names,
        "enable or disable, by function.",
    ),
    optional(
        "Remote",
        "remote",
        Shape::Table(REMOTE),
        "What the server may do beyond it.",
    ),
    optional("Rules", "rules", Shape::List(RULE), "The rules, in order."),
    optional("Tasks", "tasks", Shape::List(TASK), "The tasks."),
];
