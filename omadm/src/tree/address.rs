//! Addresses of nodes, of their properties, and of whole sub-trees.

use crate::code::StatusCode;

/// Longest address taken, in octets.
pub const MAX_URI_LEN: usize = 1_024;
/// Longest name of a node, in octets.
pub const MAX_SEGMENT_LEN: usize = 255;
/// Most segments of an address, the `.` not counted: as many as a serialised tree can hold.
pub const MAX_SEGMENTS: usize = 24;

/// A run-time property of a node (OMA DM 1.2 *Tree and Description*, 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// `ACL`: who may do what. Can be read and replaced.
    Acl,
    /// `Format`. Can be read.
    Format,
    /// `Name`: the last segment of the address. Can be read and replaced.
    Name,
    /// `Size` of the value in octets. Can be read, of leaves.
    Size,
    /// `Title`, for people. Can be read and replaced.
    Title,
    /// `TStamp`: when the node last changed. Can be read.
    TStamp,
    /// `Type`. Can be read.
    Type,
    /// `VerNo`: how often the node has changed, modulo 65536. Can be read.
    VerNo,
}

impl Property {
    /// All properties.
    pub const ALL: [Self; 8] = [
        Self::Acl,
        Self::Format,
        Self::Name,
        Self::Size,
        Self::Title,
        Self::TStamp,
        Self::Type,
        Self::VerNo,
    ];

    /// The name in `?prop=`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acl => "ACL",
            Self::Format => "Format",
            Self::Name => "Name",
            Self::Size => "Size",
            Self::Title => "Title",
            Self::TStamp => "TStamp",
            Self::Type => "Type",
            Self::VerNo => "VerNo",
        }
    }
}

/// What of a sub-tree is asked for with `?list=` (*Tree and Description*, 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// `Struct`: each node's address, format and type.
    Struct,
    /// `StructData`: the same, and the values of leaves.
    StructData,
    /// `TNDS`: one serialised tree, with the parts that are wanted.
    Tnds(Parts),
}

/// Which parts of the nodes a serialised tree is to have: all, or those named with `+`, or all but
/// those named with `-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parts {
    /// Access lists.
    pub acl: bool,
    /// Values.
    pub value: bool,
    /// Names, titles, sizes, times, types and versions.
    pub others: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self {
        acl: true,
        value: true,
        others: true,
    };

    fn parse(mut rest: &str) -> Option<Self> {
        let wanted = match rest.chars().next() {
            None => return Some(Self::ALL),
            Some('+') => true,
            Some('-') => false,
            Some(_) => return None,
        };
        let mut parts = Self {
            acl: !wanted,
            value: !wanted,
            others: !wanted,
        };
        let sign = if wanted { '+' } else { '-' };
        while let Some(after) = rest.strip_prefix(sign) {
            let (name, after) = after
                .find(sign)
                .map_or((after, ""), |at| after.split_at(at));
            match name {
                "ACL" => parts.acl = wanted,
                // Without it no value could be read: it always comes.
                "Format" => {}
                "Value" => parts.value = wanted,
                "Name" | "Size" | "Title" | "TStamp" | "Type" | "VerNo" => parts.others = wanted,
                _ => return None,
            }
            rest = after;
        }
        rest.is_empty().then_some(parts)
    }
}

/// What stands behind the `?` of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Query {
    /// Nothing: the node itself.
    Node,
    Property(Property),
    List(Listing),
}

/// Takes an address apart; 406 for a property or listing that nobody has heard of.
pub(crate) fn split(uri: &str) -> Result<(&str, Query), StatusCode> {
    let Some((node, query)) = uri.split_once('?') else {
        return Ok((uri, Query::Node));
    };
    let unknown = StatusCode::FEATURE_NOT_SUPPORTED;
    let query = match query.split_once('=').ok_or(unknown)? {
        ("prop", name) => {
            let mut all = Property::ALL.into_iter();
            Query::Property(all.find(|known| known.name() == name).ok_or(unknown)?)
        }
        ("list", "Struct") => Query::List(Listing::Struct),
        ("list", "StructData") => Query::List(Listing::StructData),
        ("list", name) => {
            let parts = name.strip_prefix("TNDS").and_then(Parts::parse);
            Query::List(Listing::Tnds(parts.ok_or(unknown)?))
        }
        _ => return Err(unknown),
    };
    Ok((node, query))
}

/// The segments of a node's address: none for the root. 414 when it is too long, 404 when it can be
/// no node's.
pub(super) fn segments(uri: &str) -> Result<Vec<&str>, StatusCode> {
    if uri.len() > MAX_URI_LEN {
        return Err(StatusCode::URI_TOO_LONG);
    }
    let path = match uri {
        "." | "./" => return Ok(Vec::new()),
        _ => uri.strip_prefix("./").unwrap_or(uri),
    };
    let segments: Vec<&str> = path.split('/').collect();
    if segments.len() > MAX_SEGMENTS || segments.iter().any(|name| name.len() > MAX_SEGMENT_LEN) {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if segments.iter().all(|name| is_name(name)) {
        Ok(segments)
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}

/// Whether a node may have this name.
pub(super) fn is_name(name: &str) -> bool {
    (1..=MAX_SEGMENT_LEN).contains(&name.len())
        && !matches!(name, "." | "..")
        && !name
            .chars()
            .any(|character| matches!(character, '/' | '?') || character.is_control())
}
