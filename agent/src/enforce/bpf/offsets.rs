//! Where the running kernel keeps the fields that the programs read, from its own BTF.

use std::path::Path;

use btfparse::{Integer32Value, Offset, Readable, TypeInformation, TypeVariant};
use cardwarden_ebpf_abi::{FIELDS, VALUES, Value};

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

/// The offset of each of [`FIELDS`] that the kernel tells of, in bytes, and the number of each of [`VALUES`].
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
    let offsets: Vec<(&'static str, u32)> = FIELDS
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
    let values = VALUES.iter().filter_map(|value| number(&types, *value));
    Ok(offsets.into_iter().chain(values).collect())
}

/// A number of an enumeration, where this kernel has it.
fn number(types: &TypeInformation, value: Value) -> Option<(&'static str, u32)> {
    let variant = types.from_id(types.id_of(value.kernel_type)?)?;
    let TypeVariant::Enum(kinds) = variant else {
        return None;
    };
    let list = kinds.named_value_list();
    let found = list.iter().find(|one| one.name == value.name)?;
    let number = match found.value {
        Integer32Value::Signed(number) => number.cast_unsigned(),
        Integer32Value::Unsigned(number) => number,
    };
    Some((value.symbol, number))
}
