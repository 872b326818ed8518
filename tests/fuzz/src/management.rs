//! What a management server says, and what a device says to one.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use omadm::client::{self, Next};
use omadm::server::{self, Received};
use omadm::tnds::{Format, Node};
use omadm::{DevInfo, GenericAlert, SessionId, ddf, message, tnds, wbxml, xml};

use crate::{QUICK, Target};

const SERVER: &str = "https://dm.example.test/dm";

/// Any markup is a message or is not, and what is read is written and read again as the same, in both encodings.
pub(crate) const XML: Target = Target {
    name: "syncml-xml",
    check: |bytes| match xml::parse(bytes) {
        Ok(message) => {
            assert_eq!(
                xml::parse(&xml::encode(&message).unwrap()).unwrap(),
                message
            );
        }
        Err(error) => assert!(error.at <= bytes.len()),
    },
    seeds: || SAMPLES.clone(),
    words: XML_WORDS,
    inputs: QUICK,
    longest: 4096,
};

/// The same for the binary encoding.
pub(crate) const WBXML: Target = Target {
    name: "syncml-wbxml",
    check: |bytes| match wbxml::parse(bytes) {
        Ok(message) => {
            assert_eq!(
                wbxml::parse(&wbxml::encode(&message).unwrap()).unwrap(),
                message
            );
        }
        Err(error) => assert!(error.at <= bytes.len()),
    },
    seeds: || {
        let read = SAMPLES.iter().map(|sample| xml::parse(sample).unwrap());
        read.map(|message| wbxml::encode(&message).unwrap())
            .collect()
    },
    words: &["-//SYNCML//DTD SyncML 1.2//EN"],
    inputs: QUICK,
    longest: 2048,
};

/// Any bytes are a management tree or are not, in either encoding, and what is read is written and read again as the
/// same.
pub(crate) const TREE: Target = Target {
    name: "tree",
    check: |bytes| {
        if let Ok(tree) = tnds::Document::from_wbxml(bytes) {
            assert_eq!(
                tnds::Document::from_wbxml(&tree.to_wbxml().unwrap()).unwrap(),
                tree
            );
        }
        if let Ok(tree) = tnds::Document::from_xml(bytes) {
            assert_eq!(
                tnds::Document::from_xml(&tree.to_xml().unwrap()).unwrap(),
                tree
            );
        }
    },
    seeds: || {
        let tree = tree();
        vec![tree.to_wbxml().unwrap(), tree.to_xml().unwrap()]
    },
    words: &[
        "MgmtTree",
        "VerDTD",
        "Node",
        "NodeName",
        "RTProperties",
        "Format",
        "Value",
        "Path",
        "DDFName",
        "MIME",
    ],
    inputs: QUICK,
    longest: 2048,
};

/// The same for descriptions of trees; holding a tree against one ends with a yes or a reason.
pub(crate) const DESCRIPTION: Target = Target {
    name: "tree-description",
    check: |bytes| {
        if let Ok(description) = ddf::Document::from_wbxml(bytes) {
            let again = description.to_wbxml().unwrap();
            assert_eq!(ddf::Document::from_wbxml(&again).unwrap(), description);
            describes(&description);
        }
        if let Ok(description) = ddf::Document::from_xml(bytes) {
            let again = description.to_xml().unwrap();
            assert_eq!(ddf::Document::from_xml(&again).unwrap(), description);
            describes(&description);
        }
    },
    seeds: || {
        let leaf = || ddf::Node::leaf("Enabled", Format::Bool).described("Whether it may be used");
        let description = ddf::Document::of([
            ddf::Node::object("urn:oma:mo:oma-dcmo:1.0", [leaf()]),
            ddf::Node::interior("Camera", [leaf().occurs(ddf::Occurrence::ZeroOrOne)]),
        ]);
        vec![
            description.to_wbxml().unwrap(),
            description.to_xml().unwrap(),
        ]
    },
    words: &[
        "DFProperties",
        "AccessType",
        "DFFormat",
        "Occurrence",
        "ZeroOrMore",
        "OneOrN",
        "DFType",
        "Scope",
        "DFTitle",
    ],
    inputs: QUICK,
    longest: 2048,
};

/// Whatever a server answers, a session goes on or ends; what goes on is a message.
pub(crate) const CLIENT: Target = Target {
    name: "session-client",
    check: |bytes| {
        let mut session = started();
        let mut rounds = 0;
        while let Ok(Next::Continue(next)) = session.receive(bytes, &mut device()) {
            session = next;
            assert!(xml::parse(session.request()).is_ok());
            // A server that says the same again and again is given up.
            rounds += 1;
            assert!(rounds <= omadm::limits::MAX_ROUNDS);
        }
    },
    seeds: || {
        let request = xml::parse(started().request()).unwrap();
        let settings = server::Settings::new(SERVER);
        let Ok(Received::Turn(turn)) = server::receive(&settings, None, &request) else {
            return Vec::new();
        };
        let mut seeds = vec![turn.finish().unwrap().reply().to_vec()];
        seeds.extend(SAMPLES.clone());
        seeds
    },
    words: XML_WORDS,
    inputs: QUICK,
    longest: 4096,
};

/// Whatever a device says first, it is answered or refused with a message.
pub(crate) const SERVER_SIDE: Target = Target {
    name: "session-server",
    check: |bytes| {
        let Ok(request) = xml::parse(bytes) else {
            return;
        };
        let reply = match server::receive(&server::Settings::new(SERVER), None, &request) {
            Ok(Received::Turn(mut turn)) => {
                drop(turn.take_events());
                turn.finish().map(|session| session.reply().to_vec()).ok()
            }
            Ok(Received::Repeat(_)) | Err(_) => None,
        };
        if let Some(reply) = reply {
            assert!(xml::parse(&reply).is_ok());
        }
    },
    seeds: || {
        let mut seeds = vec![started().request().to_vec()];
        seeds.extend(SAMPLES.clone());
        seeds
    },
    words: XML_WORDS,
    inputs: QUICK,
    longest: 4096,
};

/// Messages as other implementations write them: the samples of the codec's own tests.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../omadm/tests");
    let mut files = markup_below(&tests);
    files.sort();
    let texts = files.into_iter().map(|file| std::fs::read(file).unwrap());
    texts.filter(|text| xml::parse(text).is_ok()).collect()
});

fn markup_below(dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let (dirs, files): (Vec<PathBuf>, Vec<PathBuf>) = paths.partition(|path| path.is_dir());
    let is_markup = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "xml");
    let below = dirs.iter().flat_map(|dir| markup_below(dir));
    below.chain(files.into_iter().filter(is_markup)).collect()
}

const XML_WORDS: &[&str] = &[
    "<SyncML>",
    "<SyncHdr>",
    "<SyncBody>",
    "<Status>",
    "<Alert>",
    "<Replace>",
    "<Get>",
    "<Exec>",
    "<Add>",
    "<Delete>",
    "<Sequence>",
    "<Atomic>",
    "<Results>",
    "<Item>",
    "<Meta>",
    "<Data>",
    "<Cmd>",
    "<CmdID>",
    "<CmdRef>",
    "<MsgRef>",
    "<Target>",
    "<Source>",
    "<LocURI>",
    "<Chal>",
    "<Cred>",
    "<Correlator>",
    "<MoreData/>",
    "<Final/>",
    "<![CDATA[",
    "]]>",
    "xmlns=\"syncml:metinf\"",
    "xmlns=\"SYNCML:SYNCML1.2\"",
    "&amp;",
    "&#x1;",
    "<!--",
    "-->",
    "<?xml ",
    "1200",
];

fn device() -> DevInfo {
    DevInfo::new("urn:uuid:5e9f0001", "Example", "phone")
}

fn started() -> client::Awaiting {
    let settings = client::Settings::new(SERVER, device());
    let report = GenericAlert {
        correlator: Some("association-1/42".into()),
        data: "200".into(),
        ..GenericAlert::new("org.cardwarden.outcome", message::Format::Chr)
    };
    client::start(&settings, SessionId::from_number(0x7C), &[report]).unwrap()
}

fn tree() -> tnds::Document {
    tnds::Document::of([
        camera().of_kind("urn:oma:mo:oma-dcmo:1.0"),
        Node::leaf("Octets", Format::Bin, vec![0, 1, 0xFF]),
    ])
}

fn camera() -> Node {
    Node::interior("Camera", [Node::leaf("Enabled", Format::Bool, "false")])
}

fn describes(description: &ddf::Document) {
    for tree in [camera(), camera().of_kind("urn:oma:mo:oma-dcmo:1.0")] {
        if let Err(violation) = description.check(&tree) {
            assert!(!violation.to_string().is_empty());
        }
    }
}
