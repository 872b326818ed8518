//! Laws of the program itself, as a process that is ended.

use super::*;

/// The program itself.
struct Program {
    child: Child,
    base: String,
}

impl Program {
    fn start(folder: &Path, company: &Company) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cardwarden-server"))
            .arg("--data")
            .arg(folder.join("data"))
            .arg("--company")
            .arg(company.public_key(folder))
            .args(["--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = log
            .find_map(|line| {
                line.unwrap()
                    .split_once("address=")
                    .map(|(_, rest)| rest.to_owned())
            })
            .unwrap();
        // The pipe stays open and is emptied, or the program would die of its own log.
        std::thread::spawn(move || log.for_each(drop));
        let port = address.trim().rsplit(':').next().unwrap().to_owned();
        Self {
            child,
            base: format!("https://localhost:{port}"),
        }
    }
}

#[test]
fn sigkill_right_after_the_acknowledgement_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let company = Company::new("B Company", 11);
    let ca = folder.path().join("data/ca.pem");
    let mut program = Program::start(folder.path(), &company);
    let device = Device::new();
    let (_, reply) = Client::new(&program.base, &ca).enrol(&device.request(&company));
    for sequence in 1..=3 {
        let client = Client::of_device(&program.base, &ca, &device, &reply);
        let report = alert(&outcome(
            &device,
            sequence,
            Function::Camera,
            Verdict::Disabled,
        ));
        let answers = session(&client, &device.id, 1, &[report]);
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        assert!(answers[0].is_acknowledged());
        program = Program::start(folder.path(), &company);
        let client = Client::new(&program.base, &ca);
        let outcomes = client.get("/api/v1/outcomes", &token(folder.path())).1;
        assert_eq!(
            outcomes.as_array().unwrap().len(),
            usize::try_from(sequence).unwrap()
        );
    }
    program.child.kill().unwrap();
    program.child.wait().unwrap();
}

#[test]
fn sigterm_ends_it_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::start(folder.path(), &Company::new("B Company", 11));
    let pid = nix::unistd::Pid::from_raw(program.child.id().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert!(program.child.wait().unwrap().success());
}
