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

/// `AF_BLUETOOTH` (`include/linux/socket.h`).
const AF_BLUETOOTH: u16 = 31;
/// `BTPROTO_HCI` (`include/net/bluetooth/bluetooth.h`).
const BTPROTO_HCI: u16 = 1;

#[unsafe(no_mangle)]
static FILE_F_INODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_MODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static INODE_I_RDEV: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static FILE_F_MODE: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SOCKET_SK: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SOCK_FAMILY: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SOCK_PROTOCOL: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SKB_DATA: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static SKB_LEN: Global<u32> = Global::new(ABSENT);

/// `struct file *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct File(*const u8);

/// `struct inode *`, as it hangs on a file.
#[derive(Clone, Copy)]
pub struct Inode(*const u8);

impl File {
    /// The first argument of the hooks on files.
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

    /// `file->f_mode`, an `fmode_t`.
    #[inline(always)]
    pub fn mode(self) -> u32 {
        // SAFETY: as for `File::inode`.
        unsafe { read(self.0, &FILE_F_MODE) }
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

/// `struct socket *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct Socket(*const u8);

/// `struct sock *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct Sock(*const u8);

/// `struct sk_buff *`, as a hook received it.
#[derive(Clone, Copy)]
pub struct Buffer(*const u8);

impl Socket {
    /// The first argument of the hooks on sockets.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// Whether it speaks with a Bluetooth controller itself, and not through it with others.
    #[inline(always)]
    pub fn is_of_controller(self) -> bool {
        // SAFETY: as for `File::inode`, with `struct socket *`.
        let sock: *const u8 = unsafe { read(self.0, &SOCKET_SK) };
        if sock.is_null() {
            return false;
        }
        // SAFETY: as above, with `struct sock *`, which begins with its `struct sock_common`.
        let family: u16 = unsafe { read(sock, &SOCK_FAMILY) };
        family == AF_BLUETOOTH && Sock(sock).protocol() == BTPROTO_HCI
    }

    /// `socket->sk->__sk_common.skc_family`; `None` for a socket that is not connected to anything in
    /// the kernel.
    #[inline(always)]
    pub fn family(self) -> Option<u32> {
        // SAFETY: as for `File::inode`, with `struct socket *`.
        let sock: *const u8 = unsafe { read(self.0, &SOCKET_SK) };
        if sock.is_null() {
            return None;
        }
        // SAFETY: as above, with `struct sock *`, which begins with its `struct sock_common`.
        let family: u16 = unsafe { read(sock, &SOCK_FAMILY) };
        Some(u32::from(family))
    }
}

impl Sock {
    /// The first argument of `netlink_send`.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(0))
    }

    /// `sock->sk_protocol`.
    #[inline(always)]
    pub fn protocol(self) -> u16 {
        // SAFETY: as for `File::inode`, with `struct sock *`.
        unsafe { read(self.0, &SOCK_PROTOCOL) }
    }
}

impl Buffer {
    /// The second argument of `netlink_send`.
    #[inline(always)]
    pub fn of(ctx: &LsmContext) -> Self {
        Self(ctx.arg(1))
    }

    /// `skb->data`, as a number: what it points to is no type of the kernel's.
    #[inline(always)]
    pub fn data(self) -> u64 {
        // SAFETY: as for `File::inode`, with `struct sk_buff *`.
        unsafe { read(self.0, &SKB_DATA) }
    }

    /// `skb->len`.
    #[inline(always)]
    pub fn length(self) -> u32 {
        // SAFETY: as for `Buffer::data`.
        unsafe { read(self.0, &SKB_LEN) }
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
