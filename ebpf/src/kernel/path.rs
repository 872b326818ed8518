//! Files, folders and mounts, as the guard sees them.

use aya_ebpf::Global;
use aya_ebpf::helpers::bpf_probe_read_kernel_str_bytes;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::guard::{self, NAME, Place};

use super::{ABSENT, File, Inode, read};

#[unsafe(no_mangle)]
static FILE_DENTRY: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static PATH_DENTRY: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static PATH_MNT: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static MOUNT_SB: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static DENTRY_PARENT: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static DENTRY_INODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static DENTRY_NAME: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_SB: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_INO: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_GENERATION: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SUPER_S_DEV: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SUPER_S_MAGIC: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static MAP_NAME: Global<u32> = Global::new(ABSENT);

/// `struct dentry *`.
#[derive(Clone, Copy)]
pub struct Dentry(*const u8);

/// `struct path *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct Path(*const u8);

/// `struct vfsmount *`.
#[derive(Clone, Copy)]
pub struct Mount(*const u8);

/// `struct super_block *`.
#[derive(Clone, Copy)]
pub struct FileSystem(*const u8);

impl File {
    /// `file->f_path.dentry`.
    #[inline(always)]
    pub fn dentry(self) -> Dentry {
        // SAFETY: as for `File::inode`.
        Dentry(unsafe { read(self.0, &FILE_DENTRY) })
    }
}

impl Inode {
    /// `inode->i_sb`.
    #[inline(always)]
    pub fn file_system(self) -> FileSystem {
        // SAFETY: as for `File::inode`, with `struct inode *`.
        FileSystem(unsafe { read(self.0, &INODE_I_SB) })
    }

    /// By what the guard knows it. Of no inode at all the kernel reads zeroes.
    #[inline(always)]
    pub fn place(self) -> Place {
        Place {
            // SAFETY: as for `File::inode`, with `struct inode *`.
            inode: unsafe { read(self.0, &INODE_I_INO) },
            device: self.file_system().device(),
            // SAFETY: as above.
            generation: unsafe { read(self.0, &INODE_I_GENERATION) },
        }
    }
}

impl FileSystem {
    /// `super_block->s_dev`, a `dev_t`.
    #[inline(always)]
    pub fn device(self) -> u32 {
        // SAFETY: as for `File::inode`, with `struct super_block *`.
        unsafe { read(self.0, &SUPER_S_DEV) }
    }

    /// `super_block->s_magic`.
    #[inline(always)]
    pub fn magic(self) -> u64 {
        // SAFETY: as for `FileSystem::device`.
        unsafe { read(self.0, &SUPER_S_MAGIC) }
    }
}

impl Dentry {
    /// An argument of the hooks on folders.
    #[inline(always)]
    pub fn argument(ctx: &LsmContext, place: usize) -> Self {
        Self(ctx.arg(place))
    }

    /// `dentry->d_parent`; of a root, itself.
    #[inline(always)]
    pub fn parent(self) -> Self {
        // SAFETY: as for `File::inode`, with `struct dentry *`.
        Self(unsafe { read(self.0, &DENTRY_PARENT) })
    }

    /// Whether it is the root of its file system.
    #[inline(always)]
    pub fn is_root(self) -> bool {
        core::ptr::eq(self.parent().0, self.0)
    }

    /// `dentry->d_inode`.
    #[inline(always)]
    pub fn inode(self) -> Inode {
        // SAFETY: as for `Dentry::parent`.
        Inode(unsafe { read(self.0, &DENTRY_INODE) })
    }

    /// The number of its name; 0 for one that is too long to be ours.
    #[inline(always)]
    pub fn name(self) -> u64 {
        // SAFETY: as for `Dentry::parent`.
        let text: *const u8 = unsafe { read(self.0, &DENTRY_NAME) };
        let mut letters = [0_u8; NAME];
        // SAFETY: the helper checks the address.
        if unsafe { bpf_probe_read_kernel_str_bytes(text, &mut letters) }.is_err() {
            return 0;
        }
        let mut number = guard::BASIS;
        for letter in letters {
            if letter == 0 {
                return number;
            }
            number = guard::with_letter(number, letter);
        }
        0
    }
}

impl Path {
    /// An argument of the hooks on mounts.
    #[inline(always)]
    pub fn argument(ctx: &LsmContext, place: usize) -> Self {
        Self(ctx.arg(place))
    }

    /// `path->dentry`.
    #[inline(always)]
    pub fn dentry(self) -> Dentry {
        // SAFETY: as for `File::inode`, with `struct path *`.
        Dentry(unsafe { read(self.0, &PATH_DENTRY) })
    }

    /// `path->mnt`.
    #[inline(always)]
    pub fn mount(self) -> Mount {
        // SAFETY: as for `Path::dentry`.
        Mount(unsafe { read(self.0, &PATH_MNT) })
    }
}

impl Mount {
    /// The first argument of `sb_umount`.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// `mount->mnt_sb`.
    #[inline(always)]
    pub fn file_system(self) -> FileSystem {
        // SAFETY: as for `File::inode`, with `struct vfsmount *`.
        FileSystem(unsafe { read(self.0, &MOUNT_SB) })
    }
}

/// `struct bpf_map *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct Map(*const u8);

impl Map {
    /// The first argument of `bpf_map`.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// The first four letters of `map->name`.
    #[inline(always)]
    pub fn begins(self) -> u32 {
        // SAFETY: as for `File::inode`, with `struct bpf_map *`, whose name has sixteen bytes.
        unsafe { read(self.0, &MAP_NAME) }
    }
}
