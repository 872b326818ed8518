//! The WBXML of this crate against another's: libwbxml 0.11 (Debian package `libwbxml2-utils`).
//!
//! What we write, they read and give back as the same document; what they write, we read. Documents
//! are compared by what they say, never byte for byte. A machine without the package fails this test.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what goes wrong here fails the test"
)]

use omadm::message::{Command, Message};
use omadm::tnds::Node;
use omadm::{Payload, ddf, tnds, wbxml, xml};
use std::fmt::Debug;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command as Process, Stdio};

/// Feeds one of libwbxml's tools; returns what it writes.
#[expect(
    clippy::disallowed_methods,
    reason = "libwbxml is there as programs, and this is a test"
)]
fn run(tool: &str, options: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Process::new(tool)
        .args(options)
        .args(["-o", "-", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{tool} of package libwbxml2-utils: {error}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success() && !output.stdout.is_empty(),
        "{tool} {options:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// Their XML begins with a document type, which our reader refuses on purpose.
fn their_xml(language: &str, bytes: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(run("wbxml2xml", &["-m", "0", "-k", "-l", language], bytes));
    let text = text.unwrap();
    let (head, rest) = text.split_once("<!DOCTYPE ").unwrap();
    let (_, rest) = rest.split_once('>').unwrap();
    format!("{head}{rest}").into_bytes()
}

/// Every way they can write a document.
fn their_wbxml(document: &[u8]) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for version in ["1.1", "1.2", "1.3"] {
        for further in [&[][..], &["-n"], &["-a"]] {
            let options = [&["-v", version], further].concat();
            all.push(run("xml2wbxml", &options, document));
        }
    }
    all
}

/// The case files of one folder, by name.
fn cases(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/oracle")
        .join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    let read = |path: std::path::PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path.display().to_string(), bytes)
    };
    let cases: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
    assert!(!cases.is_empty());
    cases
}

/// One kind of document, and its codecs.
struct Kind<T> {
    language: &'static str,
    from_xml: fn(&[u8]) -> T,
    from_wbxml: fn(&[u8]) -> T,
    /// Every way we can write a document, the shortest first.
    to_wbxml: fn(&T) -> Vec<Vec<u8>>,
}

const MESSAGES: Kind<Message> = Kind {
    language: "SYNCML12",
    from_xml: |bytes| xml::parse(bytes).unwrap(),
    from_wbxml: |bytes| wbxml::parse(bytes).unwrap(),
    to_wbxml: |message| vec![wbxml::encode(message).unwrap()],
};

const TREES: Kind<tnds::Document> = Kind {
    language: "DMDDF12",
    from_xml: |bytes| tnds::Document::from_xml(bytes).unwrap(),
    from_wbxml: |bytes| tnds::Document::from_wbxml(bytes).unwrap(),
    to_wbxml: |document| {
        vec![
            document.to_wbxml().unwrap(),
            document.to_named_wbxml().unwrap(),
        ]
    },
};

const DESCRIPTIONS: Kind<ddf::Document> = Kind {
    language: "DMDDF12",
    from_xml: |bytes| ddf::Document::from_xml(bytes).unwrap(),
    from_wbxml: |bytes| ddf::Document::from_wbxml(bytes).unwrap(),
    to_wbxml: |document| {
        vec![
            document.to_wbxml().unwrap(),
            document.to_named_wbxml().unwrap(),
        ]
    },
};

impl<T: PartialEq + Debug> Kind<T> {
    fn they_read_what_we_write(&self, folder: &str) {
        for (case, document) in cases(folder) {
            let ours = (self.from_xml)(&document);
            for bytes in (self.to_wbxml)(&ours) {
                let theirs = their_xml(self.language, &bytes);
                assert_eq!((self.from_xml)(&theirs), ours, "{case}");
            }
        }
    }

    fn we_read_what_they_write(&self, folder: &str) {
        for (case, document) in cases(folder) {
            let ours = (self.from_xml)(&document);
            for theirs in their_wbxml(&document) {
                assert_eq!((self.from_wbxml)(&theirs), ours, "{case}");
            }
        }
    }

    fn we_write_no_more_than_they_do(&self, folder: &str) {
        for (case, document) in cases(folder) {
            let ours = (self.to_wbxml)(&(self.from_xml)(&document))[0].len();
            for theirs in their_wbxml(&document) {
                assert!(ours <= theirs.len(), "{case}: {ours} > {}", theirs.len());
            }
        }
    }
}

#[test]
fn they_read_our_messages() {
    MESSAGES.they_read_what_we_write("messages");
    MESSAGES.they_read_what_we_write("../codec/xml/tidy");
}

#[test]
fn we_read_their_messages() {
    MESSAGES.we_read_what_they_write("messages");
    MESSAGES.we_read_what_they_write("../codec/xml/tidy");
}

#[test]
fn they_read_our_trees() {
    TREES.they_read_what_we_write("trees");
}

#[test]
fn we_read_their_trees() {
    TREES.we_read_what_they_write("trees");
}

#[test]
fn they_read_our_descriptions() {
    DESCRIPTIONS.they_read_what_we_write("descriptions");
    DESCRIPTIONS.they_read_what_we_write("../../ddf");
}

#[test]
fn we_read_their_descriptions() {
    DESCRIPTIONS.we_read_what_they_write("descriptions");
    DESCRIPTIONS.we_read_what_they_write("../../ddf");
}

#[test]
fn our_documents_are_no_longer_than_theirs() {
    MESSAGES.we_write_no_more_than_they_do("messages");
    TREES.we_write_no_more_than_they_do("trees");
    DESCRIPTIONS.we_write_no_more_than_they_do("descriptions");
}

/// They leave base64 as text, where we have octets; both are the same tree. Their way back prints
/// octets as they are, which is no XML, so it cannot be asked for the same.
#[test]
fn octets_that_they_write_as_base64_are_octets() {
    TREES.we_read_what_they_write("octets");
    let (_, document) = cases("octets").remove(0);
    let tree = tnds::Document::from_xml(&document).unwrap();
    let key = tree.at("Key").and_then(Node::value).unwrap();
    assert_eq!(key.as_bytes(), [0, 1, 2, 3, 0xFF, 0xFE, 0xFD]);
}

fn added(message: &Message) -> (&str, &Payload) {
    let Some(Command::Add(add)) = message.commands.first() else {
        panic!("an Add");
    };
    let item = &add.items[0];
    let content_type = item.meta.content_type.as_deref().unwrap();
    (content_type, item.data.as_ref().unwrap())
}

/// They turn a tree within a message into a document within a document; to us it is a value.
#[test]
fn a_tree_within_a_message_goes_both_ways() {
    let (_, document) = cases("nested").remove(0);
    for theirs in their_wbxml(&document) {
        let message = wbxml::parse(&theirs).unwrap();
        let (content_type, payload) = added(&message);
        assert_eq!(content_type, omadm::code::mime::TNDS_WBXML);
        let tree = tnds::Document::from_wbxml(payload.as_bytes()).unwrap();
        let enabled = tree.at("Camera/Enabled").unwrap();
        assert_eq!(
            (enabled.format(), enabled.text()),
            (Some(tnds::Format::Bool), Some("false"))
        );
        // Octets have no place in XML, and are not lost silently.
        assert!(xml::encode(&message).is_err());
        // Ours in place of theirs.
        let mut message = message;
        if let Some(Command::Add(add)) = message.commands.first_mut() {
            add.items[0].data = Some(tree.to_named_wbxml().unwrap().into());
        }
        let back = run("wbxml2xml", &["-m", "0"], &wbxml::encode(&message).unwrap());
        let back = String::from_utf8(back).unwrap();
        let start = back.find("<MgmtTree").unwrap();
        let (inner, _) = back[start..].split_once("</Data>").unwrap();
        assert_eq!(tnds::Document::from_xml(inner.as_bytes()).unwrap(), tree);
    }
}
