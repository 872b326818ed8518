//! Laws of delegation: a delegate's word counts as far as a company lent it, and no further.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the failure")]

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cardwarden_policy::document::{Direction, Switch};
use cardwarden_policy::statement::Order;
use cardwarden_policy::trust::{Delegate, Delegation, Pointless, Power, Signed, sign};
use cardwarden_policy::*;
use jiff::{Timestamp, ToSpan as _};
use proptest::prelude::*;
use uuid::Uuid;

const COMPANY: &str = "B Company";

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn begin() -> Timestamp {
    second(1_700_000_000)
}

fn end() -> Timestamp {
    second(1_800_000_000)
}

fn middle() -> Timestamp {
    second(1_750_000_000)
}

fn root() -> SigningKey {
    SigningKey::ed25519_from_seed(&[1; 32])
}

fn server() -> SigningKey {
    SigningKey::ed25519_from_seed(&[2; 32])
}

fn anchors() -> Anchors {
    [root().anchor().unwrap()].into_iter().collect()
}

fn everything(key: &SigningKey) -> Delegation {
    Delegation {
        company: COMPANY.to_owned(),
        key: key.anchor().unwrap().spki().to_vec(),
        powers: Power::ALL.into_iter().collect(),
        functions: Function::ALL.into_iter().collect(),
        may: Direction::Loosen,
        not_before: begin(),
        not_after: end(),
    }
}

fn orders(functions: &[Function], may: Direction) -> Delegation {
    Delegation {
        powers: [Power::Orders].into(),
        functions: functions.iter().copied().collect(),
        may,
        ..everything(&server())
    }
}

fn order(functions: &[Function], action: Switch) -> Order {
    Order {
        company: COMPANY.to_owned(),
        device: "urn:uuid:1".to_owned(),
        association: Uuid::nil(),
        issued: middle(),
        functions: functions.iter().copied().collect(),
        action,
        ends: None,
    }
}

fn release() -> Release {
    Release {
        company: COMPANY.to_owned(),
        device: "urn:uuid:1".to_owned(),
        association: Uuid::nil(),
        from: None,
    }
}

fn manifest(issued: Timestamp) -> Manifest {
    Manifest {
        layout: manifest::LAYOUT,
        company: COMPANY.to_owned(),
        version: 1,
        issued,
        card: CardIdentity::Key(vec![4; 65]),
        groups: vec![GroupEntry::describing(1, "office", b"group", vec![1])],
    }
}

/// The value as the server signs it under what the root delegated.
fn delegated<T: Signed>(delegation: &Delegation, value: &T) -> Vec<u8> {
    let lent = root().sign(delegation).unwrap();
    sign(&Delegate::new(server(), lent).unwrap(), value).unwrap()
}

fn refusal<T: Signed + std::fmt::Debug>(bytes: &[u8], now: Option<Timestamp>) -> &'static str {
    anchors().verify_at::<T>(bytes, now).unwrap_err().code()
}

/// A key that brings a delegation of another key.
struct Thief(SigningKey, Vec<u8>);
impl trust::Signer for Thief {
    fn anchor(&self) -> Result<trust::Anchor, trust::NoPublicKey> {
        self.0.anchor()
    }
    fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>, trust::NotSigned> {
        self.0.sign_bytes(message)
    }
    fn delegation(&self) -> Option<&[u8]> {
        Some(&self.1)
    }
}

/// What the root lends the server.
static LENT: LazyLock<Vec<u8>> = LazyLock::new(|| root().sign(&everything(&server())).unwrap());
/// What the server signs under it.
static SIGNED: LazyLock<Vec<u8>> =
    LazyLock::new(|| delegated(&everything(&server()), &manifest(middle())));

proptest! {
    #[test]
    fn one_changed_bit_of_delegation_or_statement_ends_belief(
        place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut signed = SIGNED.clone();
        let place = place.index(signed.len());
        signed[place] ^= 1 << bit;
        prop_assert!(anchors().verify_at::<Manifest>(&signed, Some(middle())).is_err());
    }

    #[test]
    fn one_changed_bit_of_a_delegation_is_refused_even_if_its_delegate_signs_over_it(
        place in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut lent = LENT.clone();
        let place = place.index(lent.len());
        lent[place] ^= 1 << bit;
        // What no longer reads as a delegation for this key is not even signed with.
        if let Ok(delegate) = Delegate::new(server(), lent) {
            let signed = sign(&delegate, &manifest(middle())).unwrap();
            prop_assert!(anchors().verify_at::<Manifest>(&signed, Some(middle())).is_err());
        }
    }

    #[test]
    fn any_bytes_under_a_delegation_are_refused_without_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        prop_assert!(anchors().verify_at::<Order>(&bytes, None).is_err());
        prop_assert!(anchors().verify_at::<Delegation>(&bytes, None).is_err());
        prop_assert!(Delegation::claimed(&bytes).is_err());
    }

    #[test]
    fn a_delegate_is_believed_just_while_clock_and_statement_lie_within_its_time(
        issued in 1_690_000_000_i64..1_810_000_000,
        now in prop::option::of(1_690_000_000_i64..1_810_000_000),
    ) {
        let (issued, now) = (second(issued), now.map(second));
        let signed = delegated(&everything(&server()), &manifest(issued));
        let within = |instant: Timestamp| begin() <= instant && instant < end();
        prop_assert_eq!(
            anchors().verify_at::<Manifest>(&signed, now).is_ok(),
            within(issued) && now.is_none_or(within)
        );
    }

    #[test]
    fn an_order_is_believed_just_within_the_functions_and_the_direction_delegated(
        lent in prop::collection::btree_set(prop::sample::select(Function::ALL.to_vec()), 1..6),
        named in prop::collection::btree_set(prop::sample::select(Function::ALL.to_vec()), 1..4),
        loosen: bool, enable: bool,
    ) {
        let list = |set: &BTreeSet<Function>| set.iter().copied().collect::<Vec<_>>();
        let may = if loosen { Direction::Loosen } else { Direction::Tighten };
        let action = if enable { Switch::Enable } else { Switch::Disable };
        let signed = delegated(&orders(&list(&lent), may), &order(&list(&named), action));
        let allowed = named.iter().all(|function| {
            lent.contains(function) || function.whole().is_some_and(|whole| lent.contains(&whole))
        });
        prop_assert_eq!(
            anchors().verify_at::<Order>(&signed, Some(middle())).is_ok(),
            allowed && (loosen || !enable)
        );
    }
}

#[test]
fn who_trusts_roots_only_believes_no_delegate() {
    let signed = delegated(&everything(&server()), &manifest(middle()));
    let refused = anchors().verify::<Manifest>(&signed).unwrap_err();
    assert_eq!(refused.code(), "unknown-signer");
}

#[test]
fn root_and_delegate_may_have_keys_of_either_kind() {
    let p256 = |seed| SigningKey::p256_from_seed(&[seed; 32]).unwrap();
    for (root, server) in [(p256(6), server()), (root(), p256(7)), (p256(6), p256(7))] {
        let anchors: Anchors = [root.anchor().unwrap()].into_iter().collect();
        let lent = root.sign(&everything(&server)).unwrap();
        let id = server.anchor().unwrap().id();
        let signed = sign(&Delegate::new(server, lent).unwrap(), &release()).unwrap();
        let believed = anchors.verify_at::<Release>(&signed, Some(middle()));
        assert_eq!(believed.unwrap().delegate(), Some(id));
    }
}

#[test]
fn what_a_delegate_signed_names_the_company_and_the_delegate() {
    let believed = anchors()
        .verify_at::<Manifest>(&SIGNED, Some(middle()))
        .unwrap();
    assert_eq!(believed.signer(), root().anchor().unwrap().id());
    assert_eq!(believed.delegate(), Some(server().anchor().unwrap().id()));
}

#[test]
fn a_root_needs_no_delegation() {
    let signed = root().sign(&manifest(middle())).unwrap();
    let believed = anchors().verify_at::<Manifest>(&signed, None).unwrap();
    assert_eq!(believed.signer(), root().anchor().unwrap().id());
    assert_eq!(believed.delegate(), None);
}

#[test]
fn a_delegation_ends_at_its_end_and_begins_at_its_begin() {
    let signed = |issued| delegated(&everything(&server()), &manifest(issued));
    let now = Some(middle());
    assert_eq!(refusal::<Manifest>(&signed(end()), now), "delegation-ended");
    assert_eq!(
        refusal::<Manifest>(&signed(middle()), Some(end())),
        "delegation-ended"
    );
    let before = begin() - 1.second();
    assert_eq!(
        refusal::<Manifest>(&signed(before), now),
        "delegation-early"
    );
    let just = signed(begin());
    assert!(anchors().verify_at::<Manifest>(&just, now).is_ok());
    let last = end() - 1.second();
    assert!(anchors().verify_at::<Manifest>(&just, Some(last)).is_ok());
}

#[test]
fn a_statement_without_a_time_needs_a_clock() {
    let signed = delegated(&everything(&server()), &release());
    assert_eq!(refusal::<Release>(&signed, None), "delegation-untimed");
    assert!(
        anchors()
            .verify_at::<Release>(&signed, Some(middle()))
            .is_ok()
    );
}

#[test]
fn a_delegate_signs_no_other_kind_than_it_has_power_for() {
    let lent = orders(&[Function::Camera], Direction::Tighten);
    let now = Some(middle());
    let signed = delegated(&lent, &manifest(middle()));
    assert_eq!(refusal::<Manifest>(&signed, now), "no-power");
    assert_eq!(
        refusal::<Release>(&delegated(&lent, &release()), now),
        "no-power"
    );
    let camera = order(&[Function::Camera], Switch::Disable);
    let signed = delegated(&lent, &camera);
    assert!(anchors().verify_at::<Order>(&signed, now).is_ok());
    assert_eq!(refusal::<Release>(&signed, now), "other-kind");
}

#[test]
fn a_delegate_stays_with_its_functions_its_direction_and_its_company() {
    let lent = orders(&[Function::UsbStorage], Direction::Tighten);
    let now = Some(middle());
    let code = |order: &Order| refusal::<Order>(&delegated(&lent, order), now);
    let foreign = "function-not-delegated";
    assert_eq!(code(&order(&[Function::Camera], Switch::Disable)), foreign);
    // A part is not the whole.
    assert_eq!(code(&order(&[Function::Usb], Switch::Disable)), foreign);
    assert_eq!(
        code(&order(&[Function::UsbStorage], Switch::Enable)),
        "loosening-not-delegated"
    );
    let other = Order {
        company: "C Company".to_owned(),
        ..order(&[Function::UsbStorage], Switch::Disable)
    };
    assert_eq!(code(&other), "delegated-by-other");
}

#[test]
fn a_stranger_delegates_nothing() {
    let stranger = SigningKey::ed25519_from_seed(&[3; 32]);
    let lent = stranger.sign(&everything(&server())).unwrap();
    let delegate = Delegate::new(server(), lent).unwrap();
    let signed = sign(&delegate, &manifest(middle())).unwrap();
    assert_eq!(
        refusal::<Manifest>(&signed, Some(middle())),
        "bad-delegation"
    );
}

#[test]
fn a_delegate_delegates_no_further() {
    let third = SigningKey::ed25519_from_seed(&[4; 32]);
    let now = Some(middle());
    // Under its own delegation it may not sign one …
    let further = delegated(&everything(&server()), &everything(&third));
    assert_eq!(refusal::<Delegation>(&further, now), "no-power");
    // … and who relies on one that it signed, in either way, is not believed.
    for lent in [further, server().sign(&everything(&third)).unwrap()] {
        let delegate = Delegate::new(SigningKey::ed25519_from_seed(&[4; 32]), lent).unwrap();
        let signed = sign(&delegate, &release()).unwrap();
        assert_eq!(refusal::<Release>(&signed, now), "bad-delegation");
    }
}

#[test]
fn a_delegation_serves_no_other_key() {
    let lent = root().sign(&everything(&server())).unwrap();
    let thief = SigningKey::ed25519_from_seed(&[5; 32]);
    let refused = Delegate::new(thief, lent.clone()).err().unwrap();
    assert_eq!(refused.code(), "delegated-to-other");

    let thief = Thief(SigningKey::ed25519_from_seed(&[5; 32]), lent);
    let signed = sign(&thief, &release()).unwrap();
    assert_eq!(
        refusal::<Release>(&signed, Some(middle())),
        "unknown-signer"
    );
}

#[test]
fn a_delegation_that_nobody_can_mean_is_not_signed() {
    let base = || everything(&server());
    let pointless = [
        (
            Delegation {
                powers: BTreeSet::new(),
                ..base()
            },
            Pointless::NoPower,
        ),
        (
            Delegation {
                functions: BTreeSet::new(),
                ..base()
            },
            Pointless::NoFunction,
        ),
        (
            Delegation {
                not_after: begin(),
                ..base()
            },
            Pointless::NoTime,
        ),
        (
            Delegation {
                key: vec![1, 2, 3],
                ..base()
            },
            Pointless::NoKey,
        ),
        (
            Delegation {
                may: Direction::Tighten,
                ..base()
            },
            Pointless::TooNarrow,
        ),
        (
            Delegation {
                functions: [Function::Camera].into(),
                ..base()
            },
            Pointless::TooNarrow,
        ),
    ];
    for (delegation, why) in pointless {
        let refused = root().sign(&delegation).unwrap_err();
        assert_eq!(refused, Rejected::Pointless(why));
        assert_eq!(refused.code(), "pointless-delegation");
    }
    let nameless = Delegation {
        company: " ".to_owned(),
        ..base()
    };
    assert_eq!(root().sign(&nameless).unwrap_err(), Rejected::Name);
}

#[test]
fn the_largest_delegation_fits_and_leaves_room_for_an_order() {
    let largest = Delegation {
        company: "x".repeat(100),
        ..everything(&server())
    };
    let lent = root().sign(&largest).unwrap();
    assert!(lent.len() <= trust::MAX_DELEGATION, "{}", lent.len());
    let order = Order {
        company: "x".repeat(100),
        ..order(&Function::ALL, Switch::Disable)
    };
    assert!(sign(&Delegate::new(server(), lent).unwrap(), &order).is_ok());
}

#[test]
fn an_order_that_nobody_can_mean_is_not_signed() {
    let backwards = Order {
        ends: Some(middle()),
        ..order(&[Function::Camera], Switch::Disable)
    };
    for order in [order(&[], Switch::Disable), backwards] {
        assert_eq!(root().sign(&order).unwrap_err().code(), "pointless-order");
    }
}
