//! Typed pointers into the kernel. The only file that follows them.
//!
//! Offsets are globals that the agent fills from the running kernel's BTF before it loads the
//! object (`abi::FIELDS`). With a known constant the verifier checks each access against the type
//! that the hook's argument has, so a wrong offset fails to load instead of reading something
//! else.

use aya_ebpf::Global;
use aya_ebpf::programs::LsmContext;

/// Not an offset: a program whose offsets were not filled in does not load.
///
/// It must not be 0 either. The compiler merges equal constants, so the key `0` of a map look-up
/// would become the place of a global that the agent then overwrites with an offset.
const ABSENT: u32 = u32::MAX;

#[unsafe(no_mangle)]
static FILE_F_INODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_MODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_RDEV: Global<u32> = Global::new(ABSENT);

/// `struct file *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct File(*const u8);

/// `struct inode *`, as it hangs on a file.
#[derive(Clone, Copy)]
pub struct Inode(*const u8);

impl File {
    /// The first argument of `file_open`.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// `file->f_inode`.
    #[inline(always)]
    pub fn inode(self) -> Inode {
        // SAFETY: the verifier knows the pointer as a trusted `struct file *` and admits the load
        // only at the offset of a pointer member.
        Inode(unsafe { read(self.0, &FILE_F_INODE) })
    }
}

impl Inode {
    /// `inode->i_mode`, a `umode_t`.
    #[inline(always)]
    pub fn mode(self) -> u16 {
        // SAFETY: as for `File::inode`, with `struct inode *`.
        unsafe { read(self.0, &INODE_I_MODE) }
    }

    /// `inode->i_rdev`, a `dev_t`.
    #[inline(always)]
    pub fn rdev(self) -> u32 {
        // SAFETY: as for `File::inode`, with `struct inode *`.
        unsafe { read(self.0, &INODE_I_RDEV) }
    }
}

/// # Safety
///
/// `base` is a pointer that the verifier knows by type.
#[inline(always)]
unsafe fn read<T>(base: *const u8, offset: &Global<u32>) -> T {
    // SAFETY: the caller vouches for `base`; the verifier refuses an offset outside its type.
    let place = unsafe { base.add(offset.load() as usize) };
    // SAFETY: as above.
    unsafe { place.cast::<T>().read() }
}
