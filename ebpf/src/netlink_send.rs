//! LSM `netlink_send` (`net/netlink/af_netlink.c`): messages to closed generic netlink families.

use aya_ebpf::helpers::bpf_probe_read_kernel;
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use cardwarden_ebpf_abi::{HOOK_NETLINK_SEND, netlink};

use crate::REFUSED;
use crate::kernel::{Buffer, Sock};
use crate::record::{judge, may_use};

/// `NETLINK_GENERIC` (`include/uapi/linux/netlink.h`).
const GENERIC: u16 = 16;
/// Messages of one batch that are looked at; nobody sends as many to these families, and a longer batch
/// is refused.
const BATCH: u32 = 16;
/// The length of `struct nlmsghdr`.
const HEADER: u32 = 16;

#[lsm(hook = "netlink_send")]
pub fn netlink_send(ctx: LsmContext) -> i32 {
    let earlier: i32 = ctx.arg(2);
    if earlier != 0 {
        return earlier;
    }
    if Sock::of(&ctx).protocol() != GENERIC {
        return 0;
    }
    let Some(decision) = crate::DECISION.get_value(0, &0) else {
        return 0;
    };
    let buffer = Buffer::of(&ctx);
    let (mut place, mut left) = (buffer.data(), buffer.length());
    for _ in 0..BATCH {
        if left < HEADER {
            return 0;
        }
        // `nlmsg_len`, and `nlmsg_type` in the lower half of the second word.
        // SAFETY: the helper checks the address.
        let Ok([length, kind]) = (unsafe { bpf_probe_read_kernel(place as *const [u32; 2]) })
        else {
            return REFUSED;
        };
        if let Some(verdict) = netlink(decision, kind as u16)
            && verdict.refuses
            && !may_use()
        {
            judge(verdict, HOOK_NETLINK_SEND, 0, kind & 0xffff);
            return REFUSED;
        }
        // `NLMSG_ALIGN`. A length that is too short ends the batch for the kernel, too.
        let step = (length & 0x00ff_ffff).wrapping_add(3) & !3;
        if length < HEADER || length > left || step >= left {
            return 0;
        }
        place = place.wrapping_add(u64::from(step));
        left -= step;
    }
    REFUSED
}
