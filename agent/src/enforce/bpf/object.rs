//! The built-in object, loaded and pinned.

use std::path::Path;

use aya::programs::{CgroupDevice, Lsm, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader};
use cardwarden_policy::Hook;
use cardwarden_policy::explain::chain;

use super::offsets;
use crate::enforce::Error;

/// The object, as `build.rs` built it.
pub(super) static BYTES: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/programs.o"));
/// Its maps; each is pinned under its name.
pub(super) const MAPS: [&str; 5] = ["DECISION", "WATCHED", "REFUSALS", "EVENTS", "PERMIT"];
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
        loader.btf(None);
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

    /// Loads the program of a hook and pins it.
    pub(super) fn pin(&mut self, hook: Hook, pin: &Path) -> Result<(), Error> {
        let failed = |source: ProgramError| Error::Attach {
            hook,
            source: Box::new(source),
        };
        let name = hook.program();
        let program = self.ebpf.program_mut(name);
        let program = program.ok_or(Error::Missing { name })?;
        if hook.is_lsm() {
            let types = match self.types.take() {
                Some(types) => types,
                None => Btf::from_sys_fs().map_err(|error| failed(error.into()))?,
            };
            let types = self.types.insert(types);
            let program: &mut Lsm = program.try_into().map_err(failed)?;
            program.load(name, types).map_err(failed)?;
        } else {
            let program: &mut CgroupDevice = program.try_into().map_err(failed)?;
            program.load().map_err(failed)?;
        }
        program.pin(pin).map_err(|source| Error::Link {
            hook,
            source: Box::new(source),
        })
    }
}
