//! Every verb of `cardwarden policy` as a program, as a person runs it.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "in a test, a panic is the failure; programs are run, and its files need not last"
)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const EVERYTHING: &str = include_str!("../../policy/tests/documents/everything.toml");
const WEEK: &str = include_str!("expected/week.toml");

/// A folder in which somebody works on policies.
struct Desk(tempfile::TempDir);

/// How a command ended.
struct Ended {
    status: i32,
    /// The standard output.
    said: String,
    /// The standard error.
    noted: String,
}

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn policy(&self, words: &[&str]) -> Ended {
        self.answering(words, "")
    }

    fn answering(&self, words: &[&str], answers: &str) -> Ended {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwarden"))
            .arg("policy")
            .args(words)
            .current_dir(self.0.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that asks nothing may be gone already.
        drop(command.stdin.take().unwrap().write_all(answers.as_bytes()));
        let ended = command.wait_with_output().unwrap();
        Ended {
            status: ended.status.code().unwrap(),
            said: String::from_utf8(ended.stdout).unwrap(),
            noted: String::from_utf8(ended.stderr).unwrap(),
        }
    }
}

impl Ended {
    fn good(self) -> String {
        assert_eq!(self.status, 0, "{}{}", self.said, self.noted);
        self.said
    }

    fn failed(self, status: i32) -> String {
        assert_eq!(self.status, status, "{}{}", self.said, self.noted);
        self.said + &self.noted
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.said).unwrap()
    }
}

#[test]
fn a_template_becomes_a_policy_of_this_company() {
    let desk = Desk::new();
    for template in ["office", "secure-lab", "byod", "kiosk"] {
        let file = format!("{template}.toml");
        let new = ["new", "--template", template, "--out", &file];
        let said = desk
            .policy(&[&new[..], &["--organisation", "B", "--zone", "Asia/Tokyo"]].concat())
            .good();
        assert!(said.contains(&file), "{said}");
        let text = desk.read(&file);
        assert!(text.contains("organisation = \"B\"\n"), "{text}");
        assert!(text.contains("zone = \"Asia/Tokyo\"\n"), "{text}");
        desk.policy(&["check", &file]).good();
        desk.policy(&["fmt", "--check", &file]).good();
        let again = desk.policy(&new).failed(1);
        assert!(again.contains("exists already"), "{again}");
    }
    let nowhere = desk.policy(&["new", "--template", "office", "--zone", "Europe/Berlim"]);
    assert!(nowhere.failed(1).contains("did you mean `Europe/Berlin`?"));
}

#[test]
fn a_few_answers_become_a_policy_and_wrong_ones_are_asked_again() {
    let desk = Desk::new();
    let answers =
        "\nB Company\nthe desk\nEurope/Berlin\nkitchen\ncamera nfc\nmon-thu\n8-9\n09:00-17:30\n";
    let ended = desk.answering(&["new"], answers);
    assert!(
        ended.noted.contains("`kitchen` is no function"),
        "{}",
        ended.noted
    );
    let text = ended.good();
    for line in [
        "organisation = \"B Company\"\n",
        "contact = \"the desk\"\n",
        "zone = \"Europe/Berlin\"\n",
        "functions = [\"camera\", \"nfc\"]\n",
        "when.weekly = { days = \"mon-thu\", from = \"09:00\", to = \"17:30\" }\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let nobody = desk.answering(&["new"], "B Company\n").failed(1);
    assert!(nobody.contains("--template"), "{nobody}");
}

#[test]
fn a_mistake_is_shown_with_its_line_the_reason_and_what_to_do() {
    let desk = Desk::new();
    desk.write("good.toml", WEEK);
    desk.write(
        "bad.toml",
        &WEEK.replace("[\"bluetooth\"]", "[\"bluetoth\"]"),
    );
    desk.write(
        "worse.toml",
        &WEEK.replace("to = \"18:07\"", "to = \"08:00\""),
    );
    let ended = desk.policy(&["check", "good.toml", "bad.toml", "worse.toml"]);
    let good = "good.toml is a policy: 4 rules, 0 tasks, ";
    assert!(ended.said.starts_with(good), "{}", ended.said);
    assert_eq!(ended.said.lines().count(), 1);
    assert_eq!(ended.noted, include_str!("expected/check-faults.txt"));
    assert_eq!(ended.status, 1);

    let ended = desk.policy(&["check", "--json", "good.toml", "bad.toml"]);
    let json = ended.json();
    assert_eq!(
        (&json[0]["ok"], &json[0]["rules"]),
        (&true.into(), &4.into())
    );
    assert_eq!(json[1]["problem"]["line"], 28);
    assert_eq!(json[1]["problem"]["help"], "did you mean `bluetooth`?");
    assert_eq!(ended.status, 1);

    let missing = desk
        .policy(&["check", "nowhere.toml", "good.toml"])
        .failed(1);
    assert!(missing.starts_with(good), "{missing}");
    assert!(missing.contains("nowhere.toml cannot be read"), "{missing}");
    assert_eq!(desk.policy(&["check"]).status, 2);
}

#[test]
fn a_policy_is_the_same_through_every_spelling() {
    let desk = Desk::new();
    desk.write("a.toml", EVERYTHING);
    for (from, to) in [
        ("a.toml", "a.xml"),
        ("a.xml", "a.wbxml"),
        ("a.wbxml", "b.tnds"),
        ("b.tnds", "b.toml"),
    ] {
        desk.policy(&["convert", from, to]).good();
        desk.policy(&["check", to]).good();
    }
    assert!(desk.read("a.xml").contains("<MgmtTree"));
    assert_eq!(
        desk.policy(&["diff", "a.toml", "b.toml"]).good(),
        "Nothing changes.\n"
    );
    let unclear = desk.policy(&["convert", "a.toml", "a.policy"]).failed(1);
    assert!(unclear.contains("--to"), "{unclear}");
    desk.policy(&["convert", "a.toml", "a.policy", "--to", "xml"])
        .good();
    assert_eq!(desk.read("a.policy"), desk.read("a.xml"));
    let torn = desk.read("a.xml").replace("office-hours", "");
    desk.write("torn.xml", &torn);
    let torn = desk.policy(&["check", "torn.xml"]).failed(1);
    assert!(
        torn.contains("rules[1].id") && torn.contains("torn.xml"),
        "{torn}"
    );
}

#[test]
fn laying_out_changes_the_file_once_and_checking_changes_nothing() {
    let desk = Desk::new();
    let untidy = include_str!("expected/untidy.toml");
    desk.write("a.toml", untidy);
    let would = desk.policy(&["fmt", "--check", "a.toml"]).failed(1);
    assert_eq!(would, "a.toml would change\n");
    assert_eq!(desk.read("a.toml"), untidy);
    desk.policy(&["fmt", "a.toml"]).good();
    assert_eq!(desk.read("a.toml"), include_str!("expected/tidy.toml"));
    assert_eq!(desk.policy(&["fmt", "a.toml"]).good(), "");
    desk.policy(&["fmt", "--check", "a.toml"]).good();
}

#[test]
fn a_policy_is_explained_and_a_change_is_told_in_sentences() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    desk.write("b.toml", &WEEK.replace("18:07", "20:00"));
    assert_eq!(
        desk.policy(&["explain", "a.toml"]).good(),
        include_str!("expected/explain.txt")
    );
    assert_eq!(
        desk.policy(&["diff", "a.toml", "b.toml"]).good(),
        include_str!("expected/diff.txt")
    );
    let json = desk.policy(&["diff", "--json", "a.toml", "b.toml"]).json();
    assert_eq!(json[0]["effect"], "tighter");
    assert_eq!(json[0]["functions"][0], "camera");
    let json = desk.policy(&["explain", "--json", "a.toml"]).json();
    assert!(json.as_array().unwrap().len() > 2, "{json}");
}

#[test]
fn a_simulation_says_what_holds_why_and_until_when() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    let at = ["simulate", "a.toml", "--at", "2027-01-15T18:06"];
    assert_eq!(
        desk.policy(&at).good(),
        include_str!("expected/simulate.txt")
    );

    let json = desk.policy(&[&at[..], &["--json"]].concat()).json();
    let camera = &json["functions"]["camera"];
    assert_eq!(camera["state"], "off");
    assert_eq!(camera["id"], "work-hours");
    assert_eq!(camera["until"], "2027-01-15T17:07:00Z");
    assert_eq!(json["unknown"][0], "network");
}

#[test]
fn what_is_said_of_the_surroundings_counts_and_the_rest_is_not_known() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    let simulate = |more: &[&str]| {
        let at = [
            "simulate",
            "a.toml",
            "--json",
            "--at",
            "2027-01-16T13:00:00Z",
        ];
        let json = desk.policy(&[&at[..], more].concat()).json();
        json["functions"]["bluetooth"]["state"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(simulate(&[]), "off-unknown");
    assert_eq!(simulate(&["--ssid", "B Office"]), "off");
    assert_eq!(simulate(&["--network", "wired"]), "on");
    assert_eq!(simulate(&["--network", "none"]), "on");
    desk.write(
        "facts.json",
        r#"{"network": {"connections": [{"id": "w", "ssid": "B Office"}]}}"#,
    );
    assert_eq!(simulate(&["--facts", "facts.json"]), "off");
    assert_eq!(
        simulate(&["--facts", "facts.json", "--network", "wired"]),
        "on"
    );

    desk.write("every.toml", EVERYTHING);
    let all = [
        "simulate",
        "every.toml",
        "--json",
        "--at",
        "2027-01-15T20:00",
        "--network",
        "wired",
        "--place",
        "-33.92,18.42:20",
        "--card",
        "present",
        "--session",
        "user=anna,group=staff,active",
        "--power",
        "battery:50",
        "--server-silent",
        "1d",
    ];
    let json = desk.policy(&all).json();
    assert_eq!(json["unknown"].as_array().unwrap().len(), 0, "{json}");
    assert_eq!(json["functions"]["microphone"]["verdict"], "enabled");
    let wrong = desk.policy(&["simulate", "a.toml", "--power", "sun"]);
    assert!(wrong.failed(2).contains("mains or battery"));
}

#[test]
fn a_simulation_rules_on_the_usb_devices_that_are_attached() {
    let desk = Desk::new();
    desk.write("a.toml", EVERYTHING);
    desk.write(
        "usb.json",
        r#"[{"vendor": 1133, "product": 49948, "port": "1-1.2", "class": "00:00:00",
             "interfaces": ["03:01:01"]},
            {"vendor": 1921, "product": 21889, "port": "2-1", "class": "00:00:00",
             "connection": "external", "interfaces": ["08:06:50"]}]"#,
    );
    let simulate = [
        "simulate",
        "a.toml",
        "--at",
        "2027-01-15T20:00",
        "--usb",
        "usb.json",
    ];
    let json = desk.policy(&[&simulate[..], &["--json"]].concat()).json();
    assert_eq!(json["devices"]["1-1.2"]["access"], "full");
    assert_eq!(json["devices"]["2-1"]["access"], "refused");
    assert_eq!(json["devices"]["2-1"]["id"], "usb-known");
    let text = desk.policy(&simulate).good();
    assert!(text.contains("2-1           refused"), "{text}");
}

#[test]
fn a_week_is_shown_drawn_and_given_to_programs() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    let calendar = ["calendar", "a.toml", "--week", "2027-01-13"];
    assert_eq!(
        desk.policy(&calendar).good(),
        include_str!("expected/week.txt")
    );
    let json = desk.policy(&[&calendar[..], &["--json"]].concat()).json();
    assert_eq!(json["monday"], "2027-01-11");
    assert_eq!(json["days"][0]["rows"][0]["bars"][1]["to"], 1087);
    let draw = [&calendar[..], &["--png", "w.png", "--svg", "w.svg"]].concat();
    desk.policy(&draw).good();
    assert!(
        std::fs::read(desk.path("w.png"))
            .unwrap()
            .starts_with(b"\x89PNG")
    );
    assert!(desk.read("w.svg").contains("B Company"));
    assert!(desk.policy(&draw).failed(1).contains("exists already"));
}

#[test]
fn a_signed_policy_is_believed_with_its_key_and_with_no_other() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    for name in ["company", "stranger"] {
        let (key, public) = (format!("{name}.key"), format!("{name}.pem"));
        desk.policy(&["keygen", "--key", &key, "--public", &public])
            .good();
    }
    let sign = [
        "sign",
        "a.toml",
        "--key",
        "company.key",
        "--version",
        "7",
        "--out",
        "a.cose",
    ];
    desk.policy(&sign).good();
    let verify = ["verify", "a.cose", "--trust", "company.pem"];
    let said = desk
        .policy(&[&verify[..], &["--out", "b.toml"]].concat())
        .good();
    assert!(
        said.contains("B Company") && said.contains("4 rules"),
        "{said}"
    );
    assert_eq!(
        desk.policy(&["diff", "a.toml", "b.toml"]).good(),
        "Nothing changes.\n"
    );
    let json = desk.policy(&[&verify[..], &["--json"]].concat()).json();
    assert_eq!(
        (&json["verified"], &json["version"]),
        (&true.into(), &7.into())
    );

    let other = ["verify", "a.cose", "--trust", "stranger.pem"];
    let refused = desk.policy(&other).failed(5);
    assert!(refused.contains("unknown-signer"), "{refused}");
    let ended = desk.policy(&[&other[..], &["--json"]].concat());
    assert_eq!(
        (ended.status, &ended.json()["verified"]),
        (5, &false.into())
    );
    let check = desk.policy(&["check", "a.cose"]).failed(1);
    assert!(check.contains("policy verify"), "{check}");
    desk.write("nobody.toml", "baseline.nfc = \"disable\"\n");
    let nobody = [
        "sign",
        "nobody.toml",
        "--key",
        "company.key",
        "--version",
        "7",
        "--out",
        "n",
    ];
    assert!(desk.policy(&nobody).failed(1).contains("--company"));
}

#[test]
fn a_delegate_signs_policies_only_with_the_power_for_it() {
    let desk = Desk::new();
    desk.write("a.toml", WEEK);
    for name in ["company", "server"] {
        let (key, public) = (format!("{name}.key"), format!("{name}.pem"));
        desk.policy(&["keygen", "--key", &key, "--public", &public])
            .good();
    }
    let functions = "camera,microphone,bluetooth,usb,usb-gadget,infrared,nfc";
    for powers in ["orders", "manifests"] {
        let out = format!("{powers}.delegation");
        let signed = format!("{powers}.cose");
        let delegate = [
            "delegate",
            "--key",
            "company.key",
            "--company",
            "B Company",
            "--to",
            "server.pem",
            "--powers",
            powers,
            "--functions",
            functions,
            "--may",
            "loosen",
            "--until",
            "2999-01-01",
            "--out",
            &out,
        ];
        desk.policy(&delegate).good();
        let sign = [
            "sign",
            "a.toml",
            "--key",
            "server.key",
            "--delegation",
            &out,
            "--version",
            "1",
            "--out",
            &signed,
        ];
        desk.policy(&sign).good();
    }
    let verify = |file| desk.policy(&["verify", file, "--trust", "company.pem"]);
    assert!(verify("orders.cose").failed(5).contains("no-power"));
    assert!(verify("manifests.cose").good().contains("in the name of"));
}

#[test]
fn rules_of_usbguard_become_rules_and_each_line_that_differs_is_told() {
    let desk = Desk::new();
    desk.write("rules.conf", include_str!("expected/rules.conf"));
    let ended = desk.policy(&["import-usbguard", "rules.conf"]);
    assert_eq!(ended.said, include_str!("expected/usbguard.toml"));
    assert_eq!(ended.noted, include_str!("expected/usbguard.txt"));
    desk.write("a.toml", &ended.said);
    desk.policy(&["check", "a.toml"]).good();
    let json = desk
        .policy(&["import-usbguard", "--json", "rules.conf"])
        .json();
    assert_eq!(json["rules"][0]["id"], "usb-known-only");
    assert_eq!(json["report"][0]["line"], 3);
    desk.write("bad.conf", "allow with-interface\n");
    let bad = desk.policy(&["import-usbguard", "bad.conf"]).failed(1);
    assert!(bad.contains("bad.conf"), "{bad}");
}

#[test]
fn the_manual_and_completions_speak_of_every_verb() {
    let desk = Desk::new();
    let run = |words: &[&str]| {
        let ended = Command::new(env!("CARGO_BIN_EXE_cardwarden"))
            .args(words)
            .current_dir(desk.0.path())
            .output()
            .unwrap();
        assert!(ended.status.success());
        String::from_utf8(ended.stdout).unwrap()
    };
    run(&["man", "."]);
    assert!(
        desk.read("cardwarden-policy-simulate.1")
            .contains("server\\-silent")
    );
    assert!(!desk.path("cardwarden-man.1").exists());
    for shell in ["bash", "fish", "zsh"] {
        assert!(run(&["completions", shell]).contains("import-usbguard"));
    }
}
