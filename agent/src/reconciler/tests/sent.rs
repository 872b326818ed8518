//! Laws of policies that come by a server or in a file.

use cardwarden_policy::manifest::Group;
use cardwarden_policy::trust::{SignedPolicy, sign};

use super::*;

const NFC_OFF: &str = "[baseline]\nnfc = \"disable\"\n";

fn signed_by(key: &SigningKey, company: &str, policy: &str, version: u64) -> Vec<u8> {
    let group = Group {
        policy: Policy::from_toml(policy).unwrap(),
        account: None,
    };
    let issued = "2026-06-01T00:00:00Z".parse().unwrap();
    let policy = SignedPolicy::new(company.to_owned(), version, issued, &group).unwrap();
    sign(key, &policy).unwrap()
}

fn signed(policy: &str, version: u64) -> Vec<u8> {
    signed_by(&company(), "B Company", policy, version)
}

impl Bench {
    fn send(&mut self, statement: &[u8]) -> Result<(), Refusal> {
        let result = self.owner.take_policy(statement);
        self.owner.turn();
        result
    }

    fn version(&self) -> u64 {
        self.status().associations[0].version
    }
}

#[test]
fn a_policy_that_is_sent_holds_instead_of_the_cards_also_after_a_restart() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.send(&signed(NFC_OFF, 2)).unwrap();
    let mut bench = bench.restarted();
    assert_eq!((bench.camera(), bench.version()), (Verdict::Enabled, 2));
    let nfc = &bench.status().functions[&Function::Nfc].ruling;
    assert_eq!(nfc.verdict, Verdict::Disabled);
    let told = bench.outcomes();
    let is_told = |event: &Event| matches!(event, Event::Associated { version: 2, .. });
    assert!(told.iter().any(is_told), "{told:?}");
    assert_eq!(bench.send(&signed(NFC_OFF, 2)), Ok(()), "as before");
}

#[test]
fn what_is_older_or_of_another_company_is_refused_and_nothing_changes() {
    let mut bench = Bench::new();
    let stranger = SigningKey::ed25519_from_seed(&[2; 32]);
    assert!(bench.send(&signed(ALL_ON, 1)).is_err(), "no card was there");
    bench.insert(CAMERA_OFF, 3);
    bench.send(&signed(CAMERA_OFF, 4)).unwrap();
    let before = std::fs::read(bench.folder.path().join("state.json")).unwrap();
    let mut touched = signed(ALL_ON, 5);
    *touched.last_mut().unwrap() ^= 1;
    for refused in [
        signed(ALL_ON, 2),
        signed(ALL_ON, 3),
        signed_by(&stranger, "B Company", ALL_ON, 5),
        signed_by(&company(), "C Company", ALL_ON, 5),
        touched,
        Vec::new(),
    ] {
        assert!(bench.send(&refused).is_err());
    }
    let after = std::fs::read(bench.folder.path().join("state.json")).unwrap();
    assert_eq!((bench.camera(), before == after), (Verdict::Disabled, true));
}

#[test]
fn the_card_that_was_in_force_before_is_no_problem_and_a_newer_one_counts_again() {
    let mut bench = Bench::new();
    bench.insert(ALL_ON, 1);
    bench.send(&signed(CAMERA_OFF, 2)).unwrap();
    let card = Card::new(company, ALL_ON, 1);
    bench.put_in(&card);
    let mut bench = bench.restarted();
    bench.put_in(&card);
    assert_eq!((bench.camera(), bench.version()), (Verdict::Disabled, 2));
    bench.insert(ALL_ON, 3);
    assert_eq!((bench.camera(), bench.version()), (Verdict::Enabled, 3));
    assert!(!bench.has_problem("card-refused"));
    assert!(bench.send(&signed(CAMERA_OFF, 2)).is_err(), "over");
}

#[test]
fn what_was_sent_goes_with_its_association() {
    let mut bench = Bench::new();
    bench.insert(CAMERA_OFF, 1);
    bench.send(&signed(CAMERA_OFF, 2)).unwrap();
    let association = bench.status().associations[0].id;
    bench.release(&company(), association).unwrap();
    assert_eq!(bench.camera(), Verdict::Enabled);
    assert!(bench.send(&signed(CAMERA_OFF, 3)).is_err());
}
