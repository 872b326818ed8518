//! Where the agent is at home, in the kernel's own numbers.
//!
//! What `stat(2)` says of a file is not always by what the kernel knows it (overlayfs, btrfs), so a program at
//! `file_open` is asked: it notes the next file that this thread opens.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aya::maps::{Array, Map, MapData};
use aya::programs::Lsm;
use cardwarden_ebpf_abi::guard::{CODE, FOLDERS, Home, Learnt, Place};

use super::super::wire::Wire;
use super::super::{loader, open_map};
use super::programs::LEARN;
use crate::enforce::Error;

/// What glibc asks for names of hosts besides its own code.
const NAMES: &str = "/etc/nsswitch.conf";

/// Whatever has its name by now.
const EXECUTABLE: &str = "/proc/self/exe";

/// There on kernels with `CONFIG_TIME_NS`.
const TIME: &str = "/proc/self/ns/time";

/// Asks where files are.
pub(super) struct Learner {
    answer: Array<MapData, Wire<Learnt>>,
    /// Attached for as long as this lives.
    _program: Lsm,
}

impl Learner {
    /// Attaches the program.
    pub(super) fn new(folder: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Program {
            name: LEARN.name.to_owned(),
            source: Box::new(source),
        };
        let answer = open_map(folder, "CWD_LEARNT", Map::Array)?;
        let mut program = Lsm::from_pin(loader::pin(folder, LEARN.name)).map_err(failed)?;
        program.attach().map_err(failed)?;
        Ok(Self {
            answer,
            _program: program,
        })
    }

    /// Where a file or folder is.
    pub(super) fn place(&mut self, path: &Path) -> io::Result<Place> {
        let process = u64::from(std::process::id());
        let thread = u64::try_from(nix::unistd::gettid().as_raw()).unwrap_or_default();
        let asked = Learnt {
            pid_tgid: process << 32 | thread,
            place: Place::default(),
        };
        self.answer
            .set(0, Wire(asked), 0)
            .map_err(io::Error::other)?;
        let opened = File::options()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NOCTTY.bits())
            .open(path);
        let answer = self.answer.get(&0, 0).map_err(io::Error::other)?;
        self.answer
            .set(0, Wire(Learnt::default()), 0)
            .map_err(io::Error::other)?;
        opened?;
        if answer.0.place.device == 0 {
            return Err(io::Error::other("the kernel did not tell where it is"));
        }
        Ok(answer.0.place)
    }
}

/// Where this process's executable is.
pub(super) fn executable(folder: &Path) -> Result<Place, Error> {
    let path = Path::new(EXECUTABLE);
    Learner::new(folder)?
        .place(path)
        .map_err(|source| Error::Home {
            path: path.to_owned(),
            source,
        })
}

/// The agent's home: its folders, and all that it runs code of.
pub(super) fn find(folder: &Path, folders: &[PathBuf], kept: Option<&Path>) -> Result<Home, Error> {
    let mut learner = Learner::new(folder)?;
    let mut at = |path: &Path| {
        learner.place(path).map_err(|source| Error::Home {
            path: path.to_owned(),
            source,
        })
    };
    let mut home = Home {
        executable: at(Path::new(EXECUTABLE))?,
        kept: kept.map(&mut at).transpose()?.unwrap_or_default(),
        pins: at(folder)?.device,
        mounts: namespace("/proc/1/ns/mnt")?,
        root: at(Path::new("/"))?.device,
        network: namespace("/proc/self/ns/net")?,
        processes: namespace("/proc/self/ns/pid_for_children")?,
        time: if Path::new(TIME).exists() {
            namespace(TIME)?
        } else {
            0
        },
        ..Home::default()
    };
    let code = code().map_err(|source| Error::Home {
        path: "/proc/self/maps".into(),
        source,
    })?;
    fill(&mut home.code, CODE, &code, &mut at)?;
    fill(&mut home.folders, FOLDERS, folders, &mut at)?;
    Ok(home)
}

fn fill(
    places: &mut [Place],
    room: usize,
    paths: &[PathBuf],
    at: &mut impl FnMut(&Path) -> Result<Place, Error>,
) -> Result<(), Error> {
    if paths.len() > room {
        return Err(Error::TooMany {
            what: "files of the agent's own",
        });
    }
    for (place, path) in places.iter_mut().zip(paths) {
        *place = at(path)?;
    }
    Ok(())
}

/// The number of a namespace.
fn namespace(path: &str) -> Result<u32, Error> {
    let failed = |source| Error::Home {
        path: path.into(),
        source,
    };
    let number = std::fs::metadata(path).map_err(failed)?.ino();
    u32::try_from(number).map_err(|error| failed(io::Error::other(error)))
}

/// Every file that this process runs code of, or may come to: what it has mapped, what has the name of that by now,
/// and what the C library takes in when it looks for a host.
fn code() -> io::Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let mapped: Vec<Mapped> = maps.lines().filter_map(Mapped::read).collect();
    let mut by_path = BTreeSet::new();
    // By the mapping itself: its path may be one of mounts that this process has left.
    let once = mapped.iter().filter(|one| by_path.insert(&one.path));
    let mut code: BTreeSet<PathBuf> = once.map(|one| one.itself.clone()).collect();
    let gone = mapped.iter().filter(|one| one.is_gone);
    code.extend(
        gone.map(|one| one.path.clone())
            .filter(|path| path.exists()),
    );
    let library = by_path
        .iter()
        .find(|path| file_name(path).starts_with("libc.so"));
    if let Some(folder) = library.and_then(|path| path.parent()) {
        let settings = std::fs::read_to_string(NAMES).unwrap_or_default();
        let modules = hosts(&settings).map(|name| folder.join(format!("libnss_{name}.so.2")));
        code.extend(modules.filter(|path| path.exists()));
    }
    Ok(code.into_iter().collect())
}

/// The files that this process runs code of, by their paths, while its mounts are those that it was started in.
pub(super) fn libraries() -> io::Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let mapped = maps.lines().filter_map(Mapped::read);
    Ok(mapped.map(|one| one.path).collect())
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// A line of `/proc/PID/maps` (proc(5)) whose file may be executed.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Mapped {
    path: PathBuf,
    /// The file itself, whatever has its path now.
    itself: PathBuf,
    /// Its name was taken from it.
    is_gone: bool,
}

impl Mapped {
    fn read(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let path = line.get(line.find('/')?..)?;
        // Without the zeroes that fill `maps` up (`proc_map_files_readdir`, `fs/proc/base.c`).
        let (from, to) = range.split_once('-')?;
        let range = [from, to].map(|end| end.trim_start_matches('0'));
        let kept = path.strip_suffix(" (deleted)");
        rights.contains('x').then(|| Self {
            path: kept.unwrap_or(path).into(),
            itself: Path::new("/proc/self/map_files").join(range.join("-")),
            is_gone: kept.is_some(),
        })
    }
}

/// Whom the C library asks for a host, in the words of nsswitch.conf(5).
fn hosts(settings: &str) -> impl Iterator<Item = &str> {
    let line = settings
        .lines()
        .find_map(|line| line.trim().strip_prefix("hosts:"));
    let words = line.unwrap_or_default().split_ascii_whitespace();
    words.filter(|word| {
        word.chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_executed_is_code() {
        let line = "00400000-7f1000 r-xp 00001000 fd:01 1234   /usr/lib/x86_64-linux-gnu/libc.so.6";
        let mapped = Mapped {
            path: "/usr/lib/x86_64-linux-gnu/libc.so.6".into(),
            itself: "/proc/self/map_files/400000-7f1000".into(),
            is_gone: false,
        };
        assert_eq!(Mapped::read(line), Some(mapped.clone()));
        let gone = Mapped {
            is_gone: true,
            ..mapped
        };
        assert_eq!(Mapped::read(&format!("{line} (deleted)")), Some(gone));
        for line in [
            "7f0000-7f1000 r--p 00001000 fd:01 1234   /usr/lib/libc.so.6",
            "7f0000-7f1000 r-xp 00000000 00:00 0      [vdso]",
            "",
        ] {
            assert_eq!(Mapped::read(line), None, "{line}");
        }
    }

    #[test]
    fn the_modules_for_hosts_are_the_words_of_their_line() {
        let settings = "passwd: files\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n";
        let found: Vec<&str> = hosts(settings).collect();
        assert_eq!(found, ["files", "mdns4_minimal", "dns"]);
        assert_eq!(hosts("").count(), 0);
    }

    #[test]
    fn this_process_runs_its_own_code() {
        let own = std::env::current_exe().unwrap();
        assert!(libraries().unwrap().contains(&own));
        // The kernel has each mapping under the name that is made of the line.
        for file in code().unwrap() {
            assert!(file.symlink_metadata().is_ok(), "{}", file.display());
        }
    }
}
