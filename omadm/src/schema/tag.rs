//! The element names of the SyncML 1.2 and MetInf 1.2 DTDs.

/// Where a name comes from: a namespace in XML, a code page in WBXML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    SyncMl,
    MetInf,
}

macro_rules! tags {
    ($($vocabulary:ident: $($tag:ident $name:literal),* $(,)?;)*) => {
        /// An element's name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Tag {
            $($($tag,)*)*
        }

        impl Tag {
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $($(Self::$tag => $name,)*)*
                }
            }

            pub(crate) const fn vocabulary(self) -> Vocabulary {
                match self {
                    $($(Self::$tag)|* => Vocabulary::$vocabulary,)*
                }
            }

            /// No name stands in both vocabularies, so the name alone decides.
            pub(crate) fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($($name => Some(Self::$tag),)*)*
                    _ => None,
                }
            }
        }
    };
}

// Names of the DTDs that device management does not use are left out: they are unknown elements.
tags! {
    SyncMl:
        Add "Add", Alert "Alert", Atomic "Atomic", Chal "Chal", Cmd "Cmd", CmdId "CmdID",
        CmdRef "CmdRef", Copy "Copy", Correlator "Correlator", Cred "Cred", Data "Data",
        Delete "Delete", Exec "Exec", Final "Final", Get "Get", Item "Item",
        LocName "LocName", LocUri "LocURI", Meta "Meta", MoreData "MoreData", MsgId "MsgID",
        MsgRef "MsgRef", NoResp "NoResp", Replace "Replace", RespUri "RespURI",
        Results "Results", Sequence "Sequence", SessionId "SessionID", Source "Source",
        SourceRef "SourceRef", Status "Status", SyncBody "SyncBody", SyncHdr "SyncHdr",
        SyncMl "SyncML", Target "Target", TargetRef "TargetRef", VerDtd "VerDTD",
        VerProto "VerProto";
    MetInf:
        Format "Format", Mark "Mark", MaxMsgSize "MaxMsgSize", MaxObjSize "MaxObjSize",
        MetInf "MetInf", NextNonce "NextNonce", Size "Size", Type "Type", Version "Version";
}
