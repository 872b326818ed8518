//! Accounts with servers.

use crate::samples::fits;
use omadm::auth::{Nonce, Scheme, Seed};
use omadm::mo::dm_acc::{Account, Address, AddressKind, Credential, Level, description};
use omadm::notification::{Notification, Unverified};
use omadm::tnds::{Content, Format, Node};
use proptest::prelude::*;

fn seed() -> Seed {
    Seed::new([7; 32])
}

fn credential(level: Level, kind: &str, name: &str, secret: &str) -> Credential {
    Credential {
        level,
        kind: Some(kind.into()),
        name: Some(name.into()),
        secret: Some(secret.into()),
        data: Some(b"nonce".to_vec()),
    }
}

fn account(credentials: Vec<Credential>) -> Account {
    Account {
        credentials,
        ..Account::new("acme-dm", "https://dm.example.test/dm")
    }
}

fn text() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[a-z <&]{1,10}")
}

fn arbitrary_credential() -> impl Strategy<Value = Credential> {
    let levels = vec![Level::Client, Level::Server, Level::Obex, Level::Http];
    let data = prop::option::of(prop::collection::vec(any::<u8>(), 1..9));
    (prop::sample::select(levels), text(), text(), text(), data).prop_map(
        |(level, kind, name, secret, data)| Credential {
            level,
            kind,
            name,
            secret,
            data,
        },
    )
}

fn address() -> impl Strategy<Value = Address> {
    let kinds = vec![AddressKind::Uri, AddressKind::Ipv4, AddressKind::Ipv6];
    let ports = prop::collection::vec(any::<u16>(), 0..3);
    ("[a-z.:/]{1,20}", prop::sample::select(kinds), ports).prop_map(|(address, kind, ports)| {
        Address {
            address,
            kind,
            ports,
        }
    })
}

fn arbitrary() -> impl Strategy<Value = Account> {
    let texts = (text(), text(), text());
    let connections = prop::collection::vec("[a-z]{1,9}", 0..3);
    let addresses = prop::collection::vec(address(), 1..3);
    let credentials = prop::collection::vec(arbitrary_credential(), 0..3);
    ("[a-z.]{1,9}", texts, connections, addresses, credentials).prop_map(
        |(
            server_id,
            (name, preferred_connection, preferred_auth),
            connections,
            addresses,
            credentials,
        )| {
            Account {
                server_id,
                name,
                preferred_connection,
                connections,
                addresses,
                preferred_auth,
                credentials,
                extensions: Vec::new(),
            }
        },
    )
}

proptest! {
    #[test]
    fn an_account_is_read_as_it_was_written(account in arbitrary()) {
        let node = account.to_node("acme");
        let planted = fits(&description(), &node);
        prop_assert_eq!(Account::from_node(&planted), Ok(account.clone()));
        prop_assert_eq!(Account::from_node(&node), Ok(account));
    }
}

#[test]
fn what_vendors_add_is_kept() {
    let account = Account {
        extensions: vec![Node::leaf("CA", Format::Bin, vec![1, 2, 3])],
        ..account(Vec::new())
    };
    assert_eq!(Account::from_node(&account.to_node("acme")), Ok(account));
}

#[test]
fn what_is_no_account_is_named() {
    let mut node = account(vec![credential(Level::Client, "DIGEST", "a", "b")]).to_node("acme");
    let broken = |alter: fn(&mut Node)| {
        let mut node = node.clone();
        alter(&mut node);
        Account::from_node(&node).unwrap_err().at
    };
    assert_eq!(broken(|it| it.content = Content::default()), "AppID");
    let rename = |node: &mut Node, from: &str| {
        if let Content::Children(children) = &mut node.content {
            let child = children.iter_mut().find(|child| child.name == from);
            child.unwrap().name = "X".into();
        }
    };
    for name in ["ServerID", "AppAddr"] {
        let mut node = node.clone();
        rename(&mut node, name);
        assert_eq!(Account::from_node(&node).unwrap_err().at, name);
    }
    let Content::Children(children) = &mut node.content else {
        panic!("an account has children");
    };
    let auth = children
        .iter_mut()
        .find(|child| child.name == "AppAuth")
        .unwrap();
    let level = Node::leaf("AAuthLevel", Format::Chr, "BOTH");
    auth.content = Content::Children(vec![Node::interior("1", [level])]);
    assert_eq!(Account::from_node(&node).unwrap_err().at, "AAuthLevel");
}

#[test]
fn a_secret_of_an_account_is_shown_nowhere() {
    let account = account(vec![credential(Level::Client, "DIGEST", "dev1", "hush")]);
    assert!(!format!("{account:?}").contains("hush"));
}

#[test]
fn an_account_says_how_a_session_proves_both_ends() {
    let mut account = account(vec![
        credential(Level::Http, "HTTP-BASIC", "web", "x"),
        credential(Level::Client, "X509", "dev1", "x"),
        credential(Level::Client, "DIGEST", "dev1", "devsecret"),
        credential(Level::Client, "HMAC", "dev1", "devsecret"),
        credential(Level::Client, "BASIC", "dev1", "another"),
        credential(Level::Server, "DIGEST", "acme", "srvsecret"),
    ]);
    let found = account.authentication(seed()).unwrap();
    assert_eq!(found.login.name, "dev1");
    assert_eq!(found.schemes, [Scheme::Md5, Scheme::Mac]);
    assert_eq!(found.unasked, None);
    assert_eq!(found.nonce, Nonce::new(*b"nonce"));
    let server = found.server.unwrap();
    assert_eq!(
        (server.login.name.as_str(), server.scheme),
        ("acme", Scheme::Md5)
    );
    account.preferred_auth = Some("BASIC".into());
    let found = account.authentication(seed()).unwrap();
    assert_eq!(
        (found.schemes, found.unasked),
        (vec![Scheme::Basic], Some(Scheme::Basic))
    );
}

#[test]
fn an_account_without_credentials_leaves_both_to_tls() {
    assert!(account(Vec::new()).authentication(seed()).is_none());
    let certificate = credential(Level::Client, "X509", "dev1", "x");
    let account = account(vec![certificate]);
    assert!(account.authentication(seed()).is_none());
    assert!(account.notification_key().is_none());
}

#[test]
fn an_account_knows_its_servers_call() {
    let account = account(vec![credential(
        Level::Server,
        "DIGEST",
        "acme",
        "srvsecret",
    )]);
    let (key, nonce) = account.notification_key().unwrap();
    let package = Notification::new("acme-dm", 7);
    let bytes = package.to_bytes(&key, &nonce).unwrap();
    let received = Unverified::parse(&bytes).unwrap();
    assert_eq!(received.verify(&key, &nonce), Ok(package));
}
