//! Trees as peers write them, and what is no tree.

use omadm::limits::{MAX_MESSAGE_LEN, MAX_TREE_DEPTH};
use omadm::tnds::{Content, Document, Format, Kind, Node};
use omadm::{EncodeError, Payload, Violation, wbxml, xml};

const PROPERTIES: &[u8] = include_bytes!("../oracle/trees/every-property.xml");

fn camera() -> Document {
    Document::of([Node::interior(
        "Camera",
        [
            Node::leaf("Enabled", Format::Bool, "false"),
            Node::leaf("Property", Format::Chr, "camera"),
        ],
    )])
}

fn tree(nodes: &str) -> Result<Document, xml::Problem> {
    let text = format!("<MgmtTree><VerDTD>1.2</VerDTD>{nodes}</MgmtTree>");
    Document::from_xml(text.as_bytes()).map_err(|error| error.problem)
}

#[test]
fn every_property_is_kept() {
    let document = Document::from_xml(PROPERTIES).unwrap();
    assert_eq!(document.manufacturer.as_deref(), Some("Example"));
    let capability = document.child("BT").unwrap();
    assert_eq!(capability.path.as_deref(), Some("./DCMO"));
    assert_eq!(capability.object(), Some("urn:oma:mo:oma-dcmo:1.0"));
    let acl = capability.properties().acl.as_deref();
    assert_eq!(acl, Some("Get=*&Replace=acme-dm"));
    assert_eq!(capability.properties().version, Some(u16::MAX));
    let property = document.at("BT/Property").unwrap();
    assert_eq!(property.text(), Some("bluetooth"));
    assert_eq!(
        property.properties().kind,
        Some(Kind::Mime("text/plain".into()))
    );
    let disable = document.at("BT/Operations/Disable").unwrap();
    assert_eq!(
        (disable.format(), disable.value()),
        (Some(Format::Null), None)
    );
    assert_eq!(document.at("BT/Operations/None"), None);
    assert_eq!(document.at("BT/Enabled/Deeper"), None);
    assert_eq!(capability.at(""), Some(capability));
}

#[test]
fn what_is_assumed_anyway_is_not_written() {
    let text = String::from_utf8(camera().to_xml().unwrap()).unwrap();
    assert_eq!(
        text,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <MgmtTree xmlns=\"syncml:dmddf1.2\"><VerDTD>1.2</VerDTD><Node><NodeName>Camera</NodeName>\
         <Node><NodeName>Enabled</NodeName><RTProperties><Format><bool/></Format></RTProperties>\
         <Value>false</Value></Node>\
         <Node><NodeName>Property</NodeName><Value>camera</Value></Node></Node></MgmtTree>"
    );
    let mut expected =
        b"\x03\x01\x6A\x00\x00\x02\x60\x77\x031.2\x00\x01\x64\x66\x03Camera\x00\x01".to_vec();
    expected.extend(b"\x64\x66\x03Enabled\x00\x01\x6F\x5C\x0A\x01\x01\x76\x03false\x00\x01\x01");
    expected.extend(b"\x64\x66\x03Property\x00\x01\x76\x03camera\x00\x01\x01\x01\x01");
    assert_eq!(camera().to_wbxml().unwrap(), expected);
}

#[test]
fn a_text_that_occurs_again_is_written_once() {
    let node = |name| Node::leaf(name, Format::Chr, "-a-rather-long-value-");
    let document = Document::of([node("a"), node("b"), node("c")]);
    let bytes = document.to_wbxml().unwrap();
    let found = bytes
        .windows(21)
        .filter(|text| *text == b"-a-rather-long-value-");
    assert_eq!(found.count(), 1);
    assert_eq!(Document::from_wbxml(&bytes).unwrap(), document);
}

#[test]
fn a_name_may_be_missing_or_empty() {
    let document = tree("<Node><NodeName/><Node><Value>1</Value></Node></Node>").unwrap();
    assert_eq!(document.nodes[0].name, "");
    assert_eq!(document.nodes[0].children()[0].text(), Some("1"));
}

#[test]
fn the_format_decides_where_there_is_no_content() {
    let format = |format: &str| {
        tree(&format!(
            "<Node><RTProperties><Format><{format}/></Format></RTProperties></Node>"
        ))
        .unwrap()
        .nodes
        .remove(0)
        .content
    };
    assert_eq!(format("node"), Content::default());
    for known in Format::ALL {
        let expected = Content::Leaf {
            format: known,
            value: None,
        };
        assert_eq!(format(known.name()), expected);
    }
    assert_eq!(
        tree("<Node/>").unwrap().nodes[0].content,
        Content::default()
    );
}

#[test]
fn base64_may_be_broken_into_lines_but_not_be_anything_else() {
    let octets = |value: &str| {
        tree(&format!(
            "<Node><RTProperties><Format><bin/></Format></RTProperties><Value>{value}</Value></Node>"
        ))
    };
    let read = octets("\n  AAEC\n  Aw==\n").unwrap();
    assert_eq!(
        read.nodes[0].value().map(Payload::as_bytes),
        Some(&[0, 1, 2, 3][..])
    );
    for value in ["AAEC!", "AAE", "AAEC=A=="] {
        let problem = octets(value).unwrap_err();
        assert!(matches!(
            problem,
            xml::Problem::Violation(Violation::Value { element: "Value" })
        ));
    }
}

#[test]
fn what_is_no_tree_is_refused() {
    let leaf = "<RTProperties><Format><chr/></Format></RTProperties>";
    for nodes in [
        "",
        "<Node><NodeName>a/b</NodeName></Node>",
        "<Node><NodeName>a</NodeName></Node><Node><NodeName>a</NodeName></Node>",
        "<Node><Node><NodeName>a</NodeName></Node><Node><NodeName>a</NodeName></Node></Node>",
        "<Node><Value>1</Value><Node/></Node>",
        &format!("<Node>{leaf}<Node/></Node>"),
        "<Node><RTProperties><Format><node/></Format></RTProperties><Value/></Node>",
        "<Node><RTProperties><Format><chr/><int/></Format></RTProperties></Node>",
        "<Node><RTProperties><Format/></RTProperties></Node>",
        "<Node><RTProperties><Type/></RTProperties></Node>",
        "<Node><RTProperties><VerNo>65536</VerNo></RTProperties></Node>",
        "<Node><RTProperties><Size>-1</Size></RTProperties></Node>",
        "<Node><DFProperties/></Node>",
        "<Node>text</Node>",
        "<Node xmlns=\"SYNCML:SYNCML1.2\"/>",
        "<Item/>",
    ] {
        assert!(tree(nodes).is_err(), "{nodes}");
    }
    for document in [
        "<MgmtTree><VerDTD>1.1</VerDTD><Node/></MgmtTree>",
        "<MgmtTree><Node/></MgmtTree>",
        "<Node/>",
    ] {
        assert!(
            Document::from_xml(document.as_bytes()).is_err(),
            "{document}"
        );
    }
}

#[test]
fn equal_names_under_different_paths_are_different_nodes() {
    let node = "<Node><NodeName>a</NodeName><Path>./A</Path></Node>";
    let other = node.replace("./A", "./B");
    assert_eq!(tree(&format!("{node}{other}")).unwrap().nodes.len(), 2);
    let problem = tree(&format!("{node}{node}")).unwrap_err();
    let same = Violation::SameName { name: "a".into() };
    assert!(matches!(problem, xml::Problem::Violation(violation) if violation == same));
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let lacks = Document::default().to_xml().unwrap_err();
    assert!(matches!(lacks, EncodeError::Lacks { .. }));
    let twice = Document::of([Node::interior(
        "a",
        [Node::interior("b", []), Node::interior("b", [])],
    )]);
    assert!(matches!(
        twice.to_wbxml(),
        Err(EncodeError::SameName { .. })
    ));
    let slash = Document::of([Node::interior("a/b", [])]);
    assert!(matches!(
        slash.to_wbxml(),
        Err(EncodeError::NodeName { .. })
    ));
    let octets = Document::of([Node::leaf("a", Format::Chr, vec![0xFF])]);
    assert!(matches!(octets.to_wbxml(), Err(EncodeError::Octets { .. })));
    let control = Document::of([Node::leaf("a", Format::Chr, "\u{1}")]);
    for refused in [control.to_xml(), control.to_wbxml()] {
        assert!(matches!(
            refused,
            Err(EncodeError::ForbiddenCharacter { .. })
        ));
    }
    let mut deep = Node::interior("a", []);
    for _ in 0..MAX_TREE_DEPTH {
        deep = Node::interior("a", [deep]);
    }
    assert!(matches!(
        Document::of([deep]).to_wbxml(),
        Err(EncodeError::TooDeep {
            limit: MAX_TREE_DEPTH
        })
    ));
    let long = "x".repeat(MAX_MESSAGE_LEN);
    let long = Document::of([Node::leaf("a", Format::Chr, long)]);
    assert!(matches!(long.to_wbxml(), Err(EncodeError::TooLong { .. })));
}

#[test]
fn a_tree_that_is_too_deep_is_refused() {
    let deep = |depth: usize| format!("{}{}", "<Node>".repeat(depth), "</Node>".repeat(depth));
    // The root counts.
    assert!(tree(&deep(MAX_TREE_DEPTH - 1)).is_ok());
    assert!(matches!(
        tree(&deep(MAX_TREE_DEPTH)),
        Err(xml::Problem::TooDeep)
    ));
    let bytes = [b"\x03\x01\x6A\x00\x00\x02\x60", &b"\x64".repeat(1_000)[..]].concat();
    let error = Document::from_wbxml(&bytes).unwrap_err();
    assert_eq!(error.problem, wbxml::Problem::TooDeep);
    assert_eq!(error.at, 6 + MAX_TREE_DEPTH);
}

#[test]
fn many_siblings_are_read_and_written_in_no_time() {
    let nodes = (0..20_000).map(|number| Node::interior(number.to_string(), []));
    let document = Document::of(nodes);
    let bytes = document.to_wbxml().unwrap();
    assert_eq!(Document::from_wbxml(&bytes).unwrap(), document);
}

#[test]
fn a_tree_is_no_message_and_a_message_no_tree() {
    let tree = camera();
    assert!(xml::parse(&tree.to_xml().unwrap()).is_err());
    let error = wbxml::parse(&tree.to_named_wbxml().unwrap()).unwrap_err();
    assert_eq!(error.problem, wbxml::Problem::PublicId);
    let error = wbxml::parse(&tree.to_wbxml().unwrap()).unwrap_err();
    assert_eq!(error.problem, wbxml::Problem::UnknownElement);
    let error = Document::from_wbxml(b"\x03\xA4\x01\x6A\x00\x6D").unwrap_err();
    assert_eq!(error.problem, wbxml::Problem::PublicId);
}
