//! Messages as peers write them: indented, in loose order, with prefixes, declarations, comments.

use omadm::code::{AlertCode, StatusCode, auth, dcmo};
use omadm::message::{Command, CommandRef, Format, Mark, Message};
use omadm::xml::{self, Problem};
use omadm::{DevInfo, GenericAlert, Violation};

const PACKAGE_1: &str = include_str!("xml/tidy/package-1.xml");
const CHALLENGE: &str = include_str!("xml/tidy/package-2-challenge.xml");
const COMMANDS: &str = include_str!("xml/tidy/package-2-commands.xml");
const RESULTS: &str = include_str!("xml/tidy/package-3-results.xml");
const LATER: &str = include_str!("xml/tidy/package-1-operation-complete.xml");
const LOOSE: &str = include_str!("xml/package-2-loose.xml");

fn parse(text: &str) -> Message {
    xml::parse(text.as_bytes()).unwrap()
}

#[test]
fn package_1_introduces_the_device() {
    let message = parse(PACKAGE_1);
    assert_eq!(message.header.session.as_str(), "7C");
    assert_eq!(message.header.source.name.as_deref(), Some("dev-0001"));
    assert_eq!(message.header.meta.max_message_size, Some(65_536));
    assert_eq!(message.header.meta.max_object_size, Some(1_048_576));
    let [Command::Alert(alert), Command::Replace(replace)] = message.commands.as_slice() else {
        panic!("an alert and DevInfo");
    };
    assert_eq!(alert.code, AlertCode::CLIENT_INITIATED);
    let device = DevInfo::from_items(&replace.items).unwrap().unwrap();
    assert_eq!(
        (device.manufacturer.as_str(), device.model.as_str()),
        ("Example", "linux-agent")
    );
    assert!(message.is_final);
}

#[test]
fn a_challenge_keeps_its_nonce() {
    let message = parse(CHALLENGE);
    assert_eq!(
        message.header.respond_to.as_deref(),
        Some("https://dm.acme.test/dm?s=91")
    );
    let Some(Command::Status(status)) = message.commands.first() else {
        panic!("a status comes first");
    };
    assert_eq!(status.command_ref, CommandRef::Header);
    assert_eq!(status.code, StatusCode::MISSING_CREDENTIALS);
    let meta = &status.challenge.as_ref().unwrap().meta;
    assert_eq!(meta.content_type.as_deref(), Some(auth::MD5));
    assert_eq!(meta.format, Some(Format::B64));
    assert_eq!(meta.next_nonce.as_deref(), Some("bm9uY2UtMDAwMQ=="));
}

#[test]
fn a_sequence_keeps_its_commands_in_order() {
    let message = parse(COMMANDS);
    let Some(Command::Sequence(group)) = message.commands.last() else {
        panic!("a sequence");
    };
    let [Command::Get(get), Command::Exec(exec)] = group.commands.as_slice() else {
        panic!("a Get and an Exec");
    };
    let uri = &get.items[0].target.as_ref().unwrap().uri;
    assert_eq!(*uri, dcmo::enabled_uri("./DCMO/BT"));
    assert_eq!(exec.correlator.as_deref(), Some("acme-4711"));
    let uri = &exec.item.target.as_ref().unwrap().uri;
    assert_eq!(
        *uri,
        dcmo::operation_uri("./DCMO/BT", dcmo::Operation::Disable)
    );
}

#[test]
fn results_carry_a_value_with_its_format() {
    let message = parse(RESULTS);
    let Some(Command::Results(results)) = message.commands.get(3) else {
        panic!("results");
    };
    let item = &results.items[0];
    assert_eq!(item.meta.format, Some(Format::Bool));
    assert_eq!(item.data, Some("true".into()));
}

#[test]
fn a_report_carries_correlator_mark_and_code() {
    let message = parse(LATER);
    let Command::Alert(alert) = &message.commands[1] else {
        panic!("a generic alert");
    };
    assert_eq!(alert.code, AlertCode::GENERIC);
    let report = GenericAlert::from_item(alert.correlator.as_deref(), &alert.items[0]).unwrap();
    assert_eq!(report.correlator.as_deref(), Some("acme-4711"));
    assert_eq!(report.mark, Some(Mark::Informational));
    assert_eq!(report.data, "1200");
}

#[test]
fn order_prefix_comment_and_cdata_do_not_matter() {
    let message = parse(LOOSE);
    let tidy = parse(std::str::from_utf8(&xml::encode(&message).unwrap()).unwrap());
    assert_eq!(message, tidy);
    let Command::Replace(replace) = &message.commands[1] else {
        panic!("a Replace");
    };
    assert_eq!(replace.items[0].data, Some("<a>&\"\u{e9} b".into()));
    assert_eq!(replace.items[0].meta.format, Some(Format::Xml));
}

fn refusal(bytes: &[u8]) -> (usize, Problem) {
    let error = xml::parse(bytes).unwrap_err();
    (error.at, error.problem)
}

/// Package 1 with one text in place of another, and where that text stands.
fn altered(from: &str, to: &str) -> (usize, Problem) {
    assert!(PACKAGE_1.contains(from));
    refusal(PACKAGE_1.replacen(from, to, 1).as_bytes())
}

#[test]
fn entities_and_document_types_are_refused() {
    let bomb = format!("<!DOCTYPE a [<!ENTITY b \"&c;&c;\">]>{PACKAGE_1}");
    assert!(matches!(
        refusal(bomb.as_bytes()),
        (0, Problem::DocumentType)
    ));
    assert!(matches!(
        altered("Example", "&b;").1,
        Problem::UnknownEntity
    ));
    assert!(matches!(altered("Example", "&#0;").1, Problem::Syntax(_)));
    assert!(matches!(
        altered("Example", "&#x1F;").1,
        Problem::ForbiddenCharacter(0x1F)
    ));
    assert!(matches!(
        altered("<Final/>", "<?run me?><Final/>").1,
        Problem::ProcessingInstruction
    ));
}

#[test]
fn a_violation_names_the_element_and_its_place() {
    let at = PACKAGE_1.find("<Final/>").unwrap();
    for (element, violation) in [
        ("<Put/>", None),
        (
            "<Item/>",
            Some(Violation::Misplaced {
                element: "Item",
                parent: "SyncBody",
            }),
        ),
        (
            "<Final/><Final/>",
            Some(Violation::Repeated {
                element: "Final",
                parent: "SyncBody",
            }),
        ),
        (
            "<Get/>",
            Some(Violation::Missing {
                element: "CmdID",
                parent: "Get",
            }),
        ),
        (
            "<Final>yes</Final>",
            Some(Violation::Text { element: "Final" }),
        ),
    ] {
        let (found, problem) = altered("<Final/>", element);
        match (problem, violation) {
            (Problem::UnknownElement, None) => assert_eq!(found, at),
            (Problem::Violation(problem), Some(violation)) => {
                assert_eq!(problem, violation);
                assert!((at..at + element.len()).contains(&found), "{found}");
            }
            (problem, _) => panic!("{element}: {problem}"),
        }
    }
}

#[test]
fn values_that_are_none_are_refused() {
    for (from, to) in [
        ("<Data>1201</Data>", "<Data>+1201</Data>"),
        ("<Data>1201</Data>", "<Data/>"),
        ("<MsgID>1</MsgID>", "<MsgID>4294967296</MsgID>"),
        ("<CmdID>1</CmdID>", "<CmdID>0</CmdID>"),
        ("<SessionID>7C</SessionID>", "<SessionID>7 C</SessionID>"),
    ] {
        let problem = altered(from, to).1;
        assert!(
            matches!(problem, Problem::Violation(Violation::Value { .. })),
            "{to}: {problem}"
        );
    }
}

#[test]
fn only_namespace_declarations_are_attributes() {
    assert!(matches!(
        altered("<Item>", "<Item a='1'>").1,
        Problem::Attribute
    ));
    let many = [
        " xmlns:a='b'",
        " xmlns:c='d'",
        " xmlns:e='f'",
        " xmlns:g='h'",
        " xmlns='i'",
    ]
    .concat();
    assert!(matches!(
        altered("<Item>", &format!("<Item{many}>")).1,
        Problem::Attribute
    ));
    assert!(matches!(
        altered("SYNCML:SYNCML1.2", "SYNCML:SYNCML1.1").1,
        Problem::Namespace
    ));
}

#[test]
fn depth_length_and_number_are_bounded() {
    let deep = "<Sequence><CmdID>1</CmdID>".repeat(20);
    assert!(matches!(altered("<Final/>", &deep).1, Problem::TooDeep));
    let long = " ".repeat(omadm::limits::MAX_MESSAGE_LEN);
    assert!(matches!(altered("<Final/>", &long).1, Problem::TooLong));
    let get = "<Get><CmdID>9</CmdID><Item/></Get>".repeat(omadm::limits::MAX_COMMANDS);
    let problem = altered("<Final/>", &get).1;
    assert!(matches!(
        problem,
        Problem::Violation(Violation::TooMany {
            what: "commands",
            ..
        })
    ));
    let items = "<Item/>".repeat(omadm::limits::MAX_ITEMS);
    let problem = altered("<Final/>", &format!("<Get><CmdID>9</CmdID>{items}</Get>")).1;
    assert!(matches!(
        problem,
        Problem::Violation(Violation::TooMany { what: "items", .. })
    ));
    let finals = "<Final/>".repeat(omadm::limits::MAX_ELEMENTS);
    let problem = altered("<Final/>", &finals).1;
    assert!(matches!(
        problem,
        Problem::Violation(Violation::TooMany {
            what: "elements",
            ..
        })
    ));
}

#[test]
fn what_is_cut_off_or_goes_on_is_refused() {
    for len in 0..PACKAGE_1.trim_end().len() {
        assert!(xml::parse(&PACKAGE_1.as_bytes()[..len]).is_err(), "{len}");
    }
    for more in ["x", "<Final/>", "<![CDATA[]]>", "&lt;"] {
        assert!(
            xml::parse(format!("{PACKAGE_1}{more}").as_bytes()).is_err(),
            "{more}"
        );
    }
}

#[test]
fn only_utf_8_of_xml_1_0_is_read() {
    for declaration in [
        "<?xml version='1.1'?>",
        "<?xml version='1.0' encoding='ISO-8859-1'?>",
        "<!-- first --><?xml version='1.0'?>",
        "<?xml?>",
    ] {
        assert!(xml::parse(format!("{declaration}{PACKAGE_1}").as_bytes()).is_err());
    }
    let declared = format!("<?xml version='1.0' encoding='utf-8'?>{PACKAGE_1}");
    assert_eq!(parse(&declared), parse(PACKAGE_1));
    let marked = format!("\u{FEFF}{PACKAGE_1}");
    assert_eq!(parse(&marked), parse(PACKAGE_1));
    let mut bytes = PACKAGE_1.as_bytes().to_vec();
    bytes[40] = 0xFF;
    assert!(matches!(refusal(&bytes), (40, Problem::NotUtf8)));
}
