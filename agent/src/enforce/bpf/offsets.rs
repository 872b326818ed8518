//! Where the running kernel keeps the fields that the programs read, from its own BTF.

use std::path::Path;

use btfparse::{Offset, Readable, TypeInformation};
use cardwarden_ebpf_abi::FIELDS;

use crate::enforce::Error;

/// The kernel's BTF.
const BTF: &str = "/sys/kernel/btf/vmlinux";

/// BTF held in memory; its readers ask for pieces of it.
struct Image(Vec<u8>);

impl Readable for Image {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> btfparse::Result<()> {
        let start = usize::try_from(offset).ok();
        let piece = start.and_then(|start| self.0.get(start..)?.get(..buffer.len()));
        match piece {
            Some(piece) => {
                buffer.copy_from_slice(piece);
                Ok(())
            }
            None => Err(btfparse::Error::new(
                btfparse::ErrorKind::IOError,
                "end of BTF",
            )),
        }
    }
}

/// The offset of each of [`FIELDS`] that the kernel tells of, in bytes.
pub(super) fn resolve() -> Result<Vec<(&'static str, u32)>, Error> {
    resolve_in(Path::new(BTF))
}

fn resolve_in(path: &Path) -> Result<Vec<(&'static str, u32)>, Error> {
    let missing = |field: String| Error::Offset { field };
    let image = std::fs::read(path)
        .map(Image)
        .map_err(|error| missing(format!("anything ({}: {error})", path.display())))?;
    let types =
        TypeInformation::new(&image).map_err(|error| missing(format!("anything ({error:?})")))?;
    let offsets = FIELDS
        .iter()
        .filter_map(|field| {
            let name = format!("{}.{}", field.kernel_type, field.member);
            let offset = types
                .id_of(field.kernel_type)
                .and_then(|id| types.offset_of(id, field.member).ok());
            match offset {
                Some((_, Offset::ByteOffset(offset))) => Some((field.symbol, offset)),
                Some((_, Offset::BitOffsetAndSize(..))) | None => {
                    tracing::warn!("{}", missing(name));
                    None
                }
            }
        })
        .collect();
    Ok(offsets)
}
