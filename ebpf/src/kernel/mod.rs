//! Typed pointers into the kernel. The only module that follows them.
//!
//! Offsets are globals that the agent fills from the running kernel's BTF before it loads the
//! object (`abi::FIELDS`). With a known constant the verifier checks each access against the type
//! that the hook's argument has, so a wrong offset fails to load instead of reading something
//! else.

mod path;
mod task;

use aya_ebpf::Global;
use aya_ebpf::helpers::{bpf_seq_write, bpf_sock_from_file};
use aya_ebpf::programs::LsmContext;

pub use path::{Dentry, FileSystem, Map, Mount, Path};

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
#[unsafe(no_mangle)]
static TASK_PID: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static TASK_TGID: Global<u32> = Global::new(ABSENT);
#[unsafe(no_mangle)]
static VMA_VM_FILE: Global<u32> = Global::new(ABSENT);

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

    /// The socket that it is the file of.
    #[inline(always)]
    pub fn socket(self) -> Option<Socket> {
        // SAFETY: the helper takes a `struct file *`, which the verifier knows this to be.
        let socket = unsafe { bpf_sock_from_file(self.0.cast_mut().cast()) };
        (!socket.is_null()).then_some(Socket(socket.cast::<u8>()))
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

/// `struct bpf_iter__task_file` (`kernel/bpf/task_iter.c`): one descriptor of one task. Four values of eight
/// bytes each: `meta`, `task`, `fd`, `file`.
#[derive(Clone, Copy)]
pub struct Visit(*const u64);

/// `struct task_struct *`, as an iterator came to it.
#[derive(Clone, Copy)]
pub struct Task(*const u8);

impl Visit {
    /// What the iterator was called with.
    #[inline(always)]
    pub fn of(ctx: *const u64) -> Self {
        Self(ctx)
    }

    /// The task, the number and the file; `None` after the last.
    #[inline(always)]
    pub fn descriptor(self) -> Option<(Task, u32, File)> {
        // SAFETY: the context has four members.
        let task = unsafe { self.0.add(1).cast::<*const u8>().read() };
        // SAFETY: as above.
        let file = unsafe { self.0.add(3).cast::<*const u8>().read() };
        if task.is_null() || file.is_null() {
            return None;
        }
        // SAFETY: as above; it is a `u32` in a place of eight bytes.
        let number = unsafe { self.0.add(2).cast::<u32>().read() };
        Some((Task(task), number, File(file)))
    }

    /// The task and the file of a mapping (`struct bpf_iter__task_vma`: `meta`, `task`, `vma`); `None`
    /// after the last. Of memory that is of no file, the kernel reads nothing but zeroes.
    #[inline(always)]
    pub fn mapping(self) -> Option<(Task, File)> {
        // SAFETY: the context has three members.
        let task = unsafe { self.0.add(1).cast::<*const u8>().read() };
        // SAFETY: as above.
        let area = unsafe { self.0.add(2).cast::<*const u8>().read() };
        if task.is_null() || area.is_null() {
            return None;
        }
        // SAFETY: the verifier knows the pointer as a `struct vm_area_struct *`.
        Some((Task(task), File(unsafe { read(area, &VMA_VM_FILE) })))
    }

    /// Hands something to whoever reads. What does not fit is asked for again.
    #[inline(always)]
    pub fn tell<T>(self, what: &T) {
        // SAFETY: `meta` is the first member, and never null.
        let meta = unsafe { self.0.cast::<*const u64>().read() };
        // SAFETY: `seq` is the first member of `struct bpf_iter_meta`.
        let reader = unsafe { meta.cast::<*mut u8>().read() };
        // SAFETY: the verifier knows `reader` as a `struct seq_file *`, and `what` is as long as said.
        unsafe {
            bpf_seq_write(
                reader.cast(),
                core::ptr::from_ref(what).cast(),
                size_of::<T>() as u32,
            )
        };
    }
}

impl Task {
    /// `task->pid`: what people call the thread.
    #[inline(always)]
    pub fn thread(self) -> u32 {
        // SAFETY: as for `File::inode`, with `struct task_struct *`.
        unsafe { read(self.0, &TASK_PID) }
    }

    /// `task->tgid`: what people call the process.
    #[inline(always)]
    pub fn process(self) -> u32 {
        // SAFETY: as for `Task::thread`.
        unsafe { read(self.0, &TASK_TGID) }
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
