//! LSM hooks on sockets that were made before (`net/socket.c`). `setsockopt` and `shutdown` stay, so
//! that programs can end; and so does receiving what a controller tells of itself, since a program that
//! is told of an event and may not fetch it asks for ever.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::{HOOK_SOCKET_USE, may_carry, socket};

use crate::REFUSED;
use crate::kernel::Socket;
use crate::record::{judge, may_use};

#[lsm(hook = "socket_bind")]
pub fn socket_bind(ctx: LsmContext) -> i32 {
    used(&ctx, ctx.arg(3))
}

#[lsm(hook = "socket_connect")]
pub fn socket_connect(ctx: LsmContext) -> i32 {
    used(&ctx, ctx.arg(3))
}

#[lsm(hook = "socket_listen")]
pub fn socket_listen(ctx: LsmContext) -> i32 {
    used(&ctx, ctx.arg(2))
}

#[lsm(hook = "socket_accept")]
pub fn socket_accept(ctx: LsmContext) -> i32 {
    used(&ctx, ctx.arg(2))
}

#[lsm(hook = "socket_sendmsg")]
pub fn socket_sendmsg(ctx: LsmContext) -> i32 {
    used(&ctx, ctx.arg(3))
}

#[lsm(hook = "socket_recvmsg")]
pub fn socket_recvmsg(ctx: LsmContext) -> i32 {
    if Socket::of(&ctx).is_of_controller() {
        return ctx.arg(4);
    }
    used(&ctx, ctx.arg(4))
}

#[inline(always)]
fn used(ctx: &LsmContext, earlier: i32) -> i32 {
    if earlier != 0 {
        return earlier;
    }
    let family = match Socket::of(ctx).family() {
        Some(family) if may_carry(family) => family,
        _ => return 0,
    };
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    match socket(decision, family) {
        Some(verdict) if verdict.refuses && !may_use() => {
            judge(verdict, HOOK_SOCKET_USE, 0, family);
            REFUSED
        }
        _ => 0,
    }
}
