//! The elements of the SyncML 1.2, MetInf 1.2 and DM DDF 1.2 DTDs: names for XML, tokens for WBXML.

/// Where a name comes from: a namespace in XML, a code page in WBXML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vocabulary {
    SyncMl,
    MetInf,
    Ddf,
}

impl Vocabulary {
    /// The code page within a SyncML document (OMA WBXML token tables, DM TNDS 1.2 §7).
    pub(crate) const fn page(self) -> u8 {
        match self {
            Self::SyncMl => 0,
            Self::MetInf => 1,
            Self::Ddf => 2,
        }
    }

    /// The vocabulary of a code page.
    pub(crate) const fn of_page(page: u8) -> Option<Self> {
        match page {
            0 => Some(Self::SyncMl),
            1 => Some(Self::MetInf),
            2 => Some(Self::Ddf),
            _ => None,
        }
    }
}

impl Tag {
    /// The element of this name in XML. A child of `Meta` may be left in the SyncML namespace, as
    /// sloppy peers do.
    pub(crate) fn in_namespace(namespace: Vocabulary, name: &str) -> Option<Self> {
        let inherited = match namespace {
            Vocabulary::SyncMl => Self::from_name(Vocabulary::MetInf, name),
            Vocabulary::MetInf | Vocabulary::Ddf => None,
        };
        Self::from_name(namespace, name).or(inherited)
    }
}

macro_rules! tags {
    ($($vocabulary:ident: $($tag:ident $token:literal $name:literal),* $(,)?;)*) => {
        /// An element.
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

            /// The tag's number on its code page, without the bits for content and attributes.
            pub(crate) const fn token(self) -> u8 {
                match self {
                    $($(Self::$tag => $token,)*)*
                }
            }

            pub(crate) const fn vocabulary(self) -> Vocabulary {
                match self {
                    $($(Self::$tag)|* => Vocabulary::$vocabulary,)*
                }
            }

            fn from_name(vocabulary: Vocabulary, name: &str) -> Option<Self> {
                match vocabulary {
                    $(Vocabulary::$vocabulary => match name {
                        $($name => Some(Self::$tag),)*
                        _ => None,
                    },)*
                }
            }

            pub(crate) const fn from_token(vocabulary: Vocabulary, token: u8) -> Option<Self> {
                match vocabulary {
                    $(Vocabulary::$vocabulary => match token {
                        $($token => Some(Self::$tag),)*
                        _ => None,
                    },)*
                }
            }
        }
    };
}

// Names of the DTDs that device management does not use are left out: they are unknown elements.
// Names that stand in two DTDs have another name here in the second.
tags! {
    SyncMl:
        Add 0x05 "Add", Alert 0x06 "Alert", Atomic 0x08 "Atomic", Chal 0x09 "Chal",
        Cmd 0x0A "Cmd", CmdId 0x0B "CmdID", CmdRef 0x0C "CmdRef", Copy 0x0D "Copy",
        Cred 0x0E "Cred", Data 0x0F "Data", Delete 0x10 "Delete", Exec 0x11 "Exec",
        Final 0x12 "Final", Get 0x13 "Get", Item 0x14 "Item", LocName 0x16 "LocName",
        LocUri 0x17 "LocURI", Meta 0x1A "Meta", MsgId 0x1B "MsgID", MsgRef 0x1C "MsgRef",
        NoResp 0x1D "NoResp", Replace 0x20 "Replace", RespUri 0x21 "RespURI",
        Results 0x22 "Results", Sequence 0x24 "Sequence", SessionId 0x25 "SessionID",
        Source 0x27 "Source", SourceRef 0x28 "SourceRef", Status 0x29 "Status",
        SyncBody 0x2B "SyncBody", SyncHdr 0x2C "SyncHdr", SyncMl 0x2D "SyncML",
        Target 0x2E "Target", TargetRef 0x2F "TargetRef", VerDtd 0x31 "VerDTD",
        VerProto 0x32 "VerProto", MoreData 0x34 "MoreData", Correlator 0x3C "Correlator";
    MetInf:
        Format 0x07 "Format", Mark 0x0B "Mark", MaxMsgSize 0x0C "MaxMsgSize",
        MetInf 0x0E "MetInf", NextNonce 0x10 "NextNonce", Size 0x12 "Size", Type 0x13 "Type",
        Version 0x14 "Version", MaxObjSize 0x15 "MaxObjSize";
    Ddf:
        AccessType 0x05 "AccessType", Acl 0x06 "ACL", MayAdd 0x07 "Add", B64 0x08 "b64",
        Bin 0x09 "bin", Bool 0x0A "bool", Chr 0x0B "chr", CaseSense 0x0C "CaseSense",
        Cis 0x0D "CIS", MayCopy 0x0E "Copy", Cs 0x0F "CS", Date 0x10 "date",
        DdfName 0x11 "DDFName", DefaultValue 0x12 "DefaultValue", MayDelete 0x13 "Delete",
        Description 0x14 "Description", DfFormat 0x15 "DFFormat",
        DfProperties 0x16 "DFProperties", DfTitle 0x17 "DFTitle", DfType 0x18 "DFType",
        Dynamic 0x19 "Dynamic", MayExec 0x1A "Exec", Float 0x1B "float",
        NodeFormat 0x1C "Format", MayGet 0x1D "Get", Int 0x1E "int", Man 0x1F "Man",
        MgmtTree 0x20 "MgmtTree", Mime 0x21 "MIME", Mod 0x22 "Mod", Name 0x23 "Name",
        Node 0x24 "Node", Interior 0x25 "node", NodeName 0x26 "NodeName", Null 0x27 "null",
        Occurrence 0x28 "Occurrence", One 0x29 "One", OneOrMore 0x2A "OneOrMore",
        OneOrN 0x2B "OneOrN", Path 0x2C "Path", Permanent 0x2D "Permanent",
        MayReplace 0x2E "Replace", RtProperties 0x2F "RTProperties", Scope 0x30 "Scope",
        NodeSize 0x31 "Size", Time 0x32 "time", Title 0x33 "Title", TStamp 0x34 "TStamp",
        NodeType 0x35 "Type", Value 0x36 "Value", TreeVersion 0x37 "VerDTD",
        VerNo 0x38 "VerNo", Xml 0x39 "xml", ZeroOrMore 0x3A "ZeroOrMore",
        ZeroOrN 0x3B "ZeroOrN", ZeroOrOne 0x3C "ZeroOrOne";
}
