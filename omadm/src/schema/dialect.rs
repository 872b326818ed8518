//! The two kinds of documents.

use super::{MAX_DEPTH, MAX_TREE_DEPTH, Vocabulary};

/// Which elements a document is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A SyncML message.
    Message,
    /// A management tree or its description: they share one DTD.
    Tree,
}

impl Dialect {
    /// Most elements inside one another.
    pub(crate) const fn max_depth(self) -> usize {
        match self {
            Self::Message => MAX_DEPTH,
            Self::Tree => MAX_TREE_DEPTH,
        }
    }

    /// Whether elements of this vocabulary may occur.
    pub(crate) const fn speaks(self, vocabulary: Vocabulary) -> bool {
        match self {
            Self::Message => matches!(vocabulary, Vocabulary::SyncMl | Vocabulary::MetInf),
            Self::Tree => matches!(vocabulary, Vocabulary::Ddf),
        }
    }
}
