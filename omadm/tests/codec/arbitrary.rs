//! Arbitrary messages, within what XML can say.
//!
//! Boxed at every level: the values that proptest keeps for shrinking fill the stack otherwise.

use omadm::Payload;
use omadm::code::{AlertCode, StatusCode};
use omadm::message::{
    Alert, Challenge, Command, CommandId, CommandName, CommandRef, Credentials, Exec, Format,
    Group, Header, Item, ItemCommand, Location, Mark, Message, MessageId, Meta, Results, SessionId,
    Status,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn message() -> impl Strategy<Value = Message> {
    (header(), vec(command(), 0..6), any::<bool>()).prop_map(|(header, commands, is_final)| {
        Message {
            header,
            commands,
            is_final,
        }
    })
}

/// Any text that XML can hold, with what it finds hard well represented.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        prop::char::range('a', 'z'),
        prop::sample::select(vec![
            '<', '>', '&', '"', '\'', ']', ' ', '\t', '\n', '\r', ';', '-'
        ]),
        prop::char::range('\u{20}', '\u{D7FF}'),
        prop::char::range('\u{E000}', '\u{FFFD}'),
        prop::char::range('\u{10000}', '\u{10FFFF}'),
    ];
    vec(character, 0..12).prop_map(String::from_iter)
}

/// Values that are seldom text.
pub(crate) fn octets() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..3)
}

fn command_id() -> impl Strategy<Value = CommandId> {
    "[!-~]{1,64}".prop_filter_map("reserved", |text| CommandId::new(text).ok())
}

fn message_id() -> impl Strategy<Value = MessageId> {
    any::<u32>().prop_map(MessageId)
}

fn format() -> impl Strategy<Value = Format> {
    let names = [
        "b64", "bin", "bool", "chr", "int", "node", "null", "xml", "date", "time", "float",
    ];
    prop_oneof![
        prop::sample::select(names.to_vec()).prop_map(Format::from),
        "[a-z]{0,8}".prop_map(|name| Format::from(name.as_str())),
    ]
}

fn meta() -> BoxedStrategy<Meta> {
    let rest = (
        option::of(format()),
        option::of(text()),
        option::of(prop::sample::select(Mark::ALL.to_vec())),
        option::of(any::<u64>()),
        option::of(text()),
        option::of(text()),
        option::of(any::<u64>()),
        option::of(any::<u64>()),
    );
    let meta = rest.prop_map(
        |(format, content_type, mark, size, version, nonce, message, object)| Meta {
            format,
            content_type,
            mark,
            size,
            version,
            next_nonce: nonce,
            max_message_size: message,
            max_object_size: object,
        },
    );
    prop_oneof![Just(Meta::default()), meta].boxed()
}

fn location() -> impl Strategy<Value = Location> {
    (text(), option::of(text())).prop_map(|(uri, name)| Location { uri, name })
}

fn credentials() -> BoxedStrategy<Credentials> {
    (meta(), text())
        .prop_map(|(meta, data)| Credentials { meta, data })
        .boxed()
}

fn header() -> BoxedStrategy<Header> {
    let session = "[!-~]{1,32}".prop_filter_map("no id", |text| SessionId::new(text).ok());
    let fixed = (
        text(),
        text(),
        session,
        message_id(),
        location(),
        location(),
    );
    let optional = (
        option::of(text()),
        any::<bool>(),
        option::of(credentials()),
        meta(),
    );
    (fixed, optional)
        .prop_map(|(fixed, (respond_to, no_response, credentials, meta))| {
            let (dtd, protocol, session, message, target, source) = fixed;
            Header {
                dtd,
                protocol,
                respond_to,
                no_response,
                credentials,
                meta,
                ..Header::new(session, message, target, source)
            }
        })
        .boxed()
}

fn item() -> BoxedStrategy<Item> {
    let locations = (option::of(location()), option::of(location()));
    (locations, meta(), option::of(text()), any::<bool>())
        .prop_map(|((target, source), meta, data, more_data)| Item {
            target,
            source,
            meta,
            data: data.map(Payload::from),
            more_data,
        })
        .boxed()
}

fn item_command() -> BoxedStrategy<ItemCommand> {
    (command_id(), any::<bool>(), meta(), vec(item(), 1..4))
        .prop_map(|(id, no_response, meta, items)| ItemCommand {
            id,
            no_response,
            meta,
            items,
        })
        .boxed()
}

fn alert() -> BoxedStrategy<Alert> {
    let code = any::<u16>().prop_map(AlertCode::new);
    (
        command_id(),
        any::<bool>(),
        code,
        option::of(text()),
        vec(item(), 0..3),
    )
        .prop_map(|(id, no_response, code, correlator, items)| Alert {
            id,
            no_response,
            code,
            correlator,
            items,
        })
        .boxed()
}

fn exec() -> BoxedStrategy<Exec> {
    (
        command_id(),
        any::<bool>(),
        meta(),
        option::of(text()),
        item(),
    )
        .prop_map(|(id, no_response, meta, correlator, item)| Exec {
            id,
            no_response,
            meta,
            correlator,
            item,
        })
        .boxed()
}

fn results() -> BoxedStrategy<Results> {
    let refs = (option::of(message_id()), command_id(), texts(), texts());
    (command_id(), refs, meta(), vec(item(), 1..3))
        .prop_map(|(id, refs, meta, items)| {
            let (message_ref, command_ref, target_refs, source_refs) = refs;
            Results {
                id,
                message_ref,
                command_ref,
                meta,
                target_refs,
                source_refs,
                items,
            }
        })
        .boxed()
}

fn status() -> BoxedStrategy<Status> {
    let command_ref = prop_oneof![
        Just(CommandRef::Header),
        command_id().prop_map(CommandRef::Command)
    ];
    let name = prop::sample::select(CommandName::ALL.to_vec());
    let code = (100_u16..600).prop_filter_map("no code", StatusCode::new);
    let challenge = meta().prop_map(|meta| Challenge { meta });
    let refs = (message_id(), command_ref, name, texts(), texts());
    let rest = (
        option::of(credentials()),
        option::of(challenge),
        code,
        vec(item(), 0..2),
    );
    (command_id(), refs, rest)
        .prop_map(|(id, refs, (credentials, challenge, code, items))| {
            let (message_ref, command_ref, command, target_refs, source_refs) = refs;
            Status {
                id,
                message_ref,
                command_ref,
                command,
                target_refs,
                source_refs,
                credentials,
                challenge,
                code,
                items,
            }
        })
        .boxed()
}

fn command() -> impl Strategy<Value = Command> {
    let simple = prop_oneof![
        item_command().prop_map(Command::Add),
        alert().prop_map(Command::Alert),
        item_command().prop_map(Command::Copy),
        item_command().prop_map(Command::Delete),
        exec().prop_map(Command::Exec),
        item_command().prop_map(Command::Get),
        item_command().prop_map(Command::Replace),
        results().prop_map(Command::Results),
        status().prop_map(Command::Status),
    ];
    simple.prop_recursive(4, 12, 3, |inner| {
        (
            command_id(),
            any::<bool>(),
            meta(),
            vec(inner, 0..3),
            any::<bool>(),
        )
            .prop_map(|(id, no_response, meta, commands, is_atomic)| {
                let group = Group {
                    id,
                    no_response,
                    meta,
                    commands,
                };
                if is_atomic {
                    Command::Atomic(group)
                } else {
                    Command::Sequence(group)
                }
            })
    })
}
