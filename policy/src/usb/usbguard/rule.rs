//! The rules of `USBGuard` as they are written, and what can be wrong with the writing.

/// Most bytes of a file.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes of a line.
pub const MAX_LINE: usize = 16 * 1024;
/// Most rules.
pub const MAX_RULES: usize = 10_000;
/// Most values of an attribute.
pub const MAX_VALUES: usize = 64;

/// What a rule does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    Allow,
    Block,
    Reject,
    /// `match` and `device`, which are for the tools of `USBGuard` and have no place in a file.
    Other,
}

/// How the values of an attribute are compared with those of a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    AllOf,
    OneOf,
    NoneOf,
    Equals,
    EqualsOrdered,
    MatchAll,
}

impl Operator {
    /// `equals-ordered` stands before `equals`, which it begins with.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("all-of", Self::AllOf),
        ("one-of", Self::OneOf),
        ("none-of", Self::NoneOf),
        ("equals-ordered", Self::EqualsOrdered),
        ("equals", Self::Equals),
        ("match-all", Self::MatchAll),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(_, operator)| *operator == self)
            .map_or("", |(name, _)| name)
    }
}

/// What an attribute is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Id,
    Name,
    Hash,
    ParentHash,
    Serial,
    ViaPort,
    WithInterface,
    WithConnectType,
    If,
    Label,
}

impl Key {
    pub(super) const ALL: [(&'static str, Self); 10] = [
        ("id", Self::Id),
        ("name", Self::Name),
        ("hash", Self::Hash),
        ("parent-hash", Self::ParentHash),
        ("serial", Self::Serial),
        ("via-port", Self::ViaPort),
        ("with-interface", Self::WithInterface),
        ("with-connect-type", Self::WithConnectType),
        ("if", Self::If),
        ("label", Self::Label),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .into_iter()
            .find(|(_, key)| *key == self)
            .map_or("", |(name, _)| name)
    }
}

/// One attribute of a rule. Strings are bytes: they can spell what is no UTF-8.
#[derive(Clone, Debug)]
pub(super) struct Attribute {
    pub(super) key: Key,
    pub(super) operator: Operator,
    pub(super) values: Vec<Vec<u8>>,
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u32,
    pub(super) text: &'a str,
    pub(super) target: Target,
    pub(super) attributes: Vec<Attribute>,
}

/// Where the text is no rule, and why.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}")]
pub struct Malformed {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The file is too big.
    #[error("the file has more than {MAX_BYTES} bytes")]
    TooBig,
    /// The line is too long.
    #[error("the line has more than {MAX_LINE} bytes")]
    LongLine,
    /// There are too many rules.
    #[error("there are more than {MAX_RULES} rules")]
    TooManyRules,
    /// An attribute has too many values.
    #[error("an attribute has more than {MAX_VALUES} values")]
    TooManyValues,
    /// A rule begins with another word.
    #[error("a rule begins with allow, block or reject")]
    NoTarget,
    /// Another word stands where an attribute is expected.
    #[error(
        "expected an attribute: id, hash, parent-hash, name, serial, via-port, with-interface, with-connect-type, if or label"
    )]
    NoAttribute,
    /// An attribute is given twice.
    #[error("the attribute is given twice")]
    Twice,
    /// No maker and product.
    #[error("expected maker and product, like 1d6b:0002, 1d6b:* or *:*")]
    NoId,
    /// No interface.
    #[error("expected an interface, like 03:01:01, 03:01:* or 03:*:*")]
    NoInterface,
    /// No string.
    #[error("expected a string in double quotes")]
    NoText,
    /// A string does not end.
    #[error("the string does not end on this line")]
    EndlessText,
    /// An unknown escape.
    #[error("in a string, a backslash stands before \", \\ or x and two hexadecimal digits")]
    NoEscape,
    /// No condition.
    #[error(
        "expected a condition: localtime, allowed-matches, rule-applied, rule-evaluated, random, true or false"
    )]
    NoCondition,
    /// A set of values does not end.
    #[error("expected another value after a blank, or }}")]
    EndlessSet,
}
