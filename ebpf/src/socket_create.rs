//! LSM `socket_create` (`security_socket_create`, `net/socket.c`).

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::{HOOK_SOCKET_CREATE, may_carry, socket};

use crate::REFUSED;
use crate::record::judge;

/// Refuses sockets of closed families that programs ask for. The kernel's own (`kern`) pass: a
/// Bluetooth module that cannot make its listening socket would fail to load, and nothing of it
/// can be reached without a program's socket.
#[lsm(hook = "socket_create")]
pub fn socket_create(ctx: LsmContext) -> i32 {
    let (family, earlier): (i32, i32) = (ctx.arg(0), ctx.arg(4));
    let family = family.cast_unsigned();
    if !may_carry(family) {
        return earlier;
    }
    let kernel: i32 = ctx.arg(3);
    if earlier != 0 || kernel != 0 {
        return earlier;
    }
    look(family)
}

/// Apart from the first look, so that what it needs of the stack and of registers costs other sockets
/// nothing.
#[inline(never)]
fn look(family: u32) -> i32 {
    let Some(watched) = crate::WATCHED.get(0) else {
        return 0;
    };
    if !watched.has_family(family) {
        return 0;
    }
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    match socket(decision, family) {
        Some(verdict) if judge(verdict, HOOK_SOCKET_CREATE, 0, family) => REFUSED,
        _ => 0,
    }
}
