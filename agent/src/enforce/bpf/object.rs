//! The built-in object, loaded and pinned.

use std::path::Path;

use aya::programs::{Program, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use cardwarden_policy::explain::chain;

use super::guard::programs::hook_of;
use super::{MAPPED_FILES, offsets};
use crate::enforce::Error;

/// The object, as `build.rs` built it.
pub(super) static BYTES: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/programs.o"));
/// Its maps; each is pinned under its name.
pub(super) const MAPS: [&str; 9] = [
    "CWD_DECISION",
    "CWD_WATCHED",
    "CWD_REFUSALS",
    "CWD_EVENTS",
    "CWD_PERMIT",
    "CWD_HOME",
    "CWD_GUARDED",
    "CWD_LEARNT",
    "CWD_MARK",
];
/// The object as far as it is loaded.
pub(super) struct Object {
    ebpf: Ebpf,
    types: Option<Btf>,
}

impl Object {
    /// Loads the object with the maps that are pinned in `folder`, or pins new ones there.
    /// `with_offsets` looks up what programs on files and sockets read; where the kernel does not tell,
    /// the others serve without it.
    pub(super) fn load(folder: &Path, with_offsets: bool) -> Result<Self, Error> {
        let offsets = match with_offsets.then(offsets::resolve) {
            Some(Ok(offsets)) => offsets,
            Some(Err(error)) => {
                tracing::warn!("{error}");
                Vec::new()
            }
            None => Vec::new(),
        };
        let mut loader = EbpfLoader::new();
        // aya has no type of its own for the storage of tasks; it makes the map all the same.
        loader.btf(None).allow_unsupported_maps();
        for name in MAPS {
            loader.map_pin_path(name, folder.join(name));
        }
        for (symbol, offset) in &offsets {
            loader.override_global(symbol, offset, true);
        }
        let ebpf = loader.load(BYTES).map_err(|source| Error::Load {
            problem: chain(&source),
        })?;
        Ok(Self { ebpf, types: None })
    }

    /// Loads a program and pins it.
    pub(super) fn pin(&mut self, name: &str, pin: &Path) -> Result<(), Error> {
        let failed = |source: ProgramError| Error::Program {
            name: name.to_owned(),
            source: Box::new(source),
        };
        let missing = || Error::Missing {
            name: name.to_owned(),
        };
        let Self { ebpf, types } = self;
        let program = ebpf.program_mut(name).ok_or_else(missing)?;
        let loaded = if let Program::CgroupDevice(program) = program {
            program.load()
        } else if let Program::Lsm(program) = program {
            known(types).and_then(|types| program.load(hook_of(name).unwrap_or(name), types))
        } else if let Program::Iter(program) = program {
            let over = if name == MAPPED_FILES {
                "task_vma"
            } else {
                "task_file"
            };
            known(types).and_then(|types| program.load(over, types))
        } else {
            return Err(missing());
        };
        loaded.map_err(failed)?;
        program.pin(pin).map_err(|source| Error::Pin {
            path: pin.display().to_string(),
            source: Box::new(source),
        })
    }
}

/// The kernel's types, read once.
fn known(types: &mut Option<Btf>) -> Result<&Btf, ProgramError> {
    match types {
        Some(types) => Ok(types),
        None => Ok(types.insert(Btf::from_sys_fs()?)),
    }
}
