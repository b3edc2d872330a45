//! Robust lists: locks whose owner dies; see get_robust_list(2) and the kernel's robust-futexes text.

use lazaret_abi::{
    errno::Errno,
    futex::{BITSET_MATCH_ANY, OWNER_DIED, ROBUST_LIST_LIMIT, RobustListHead, TID_MASK, WAITERS},
};

use super::{Word, inherit, read, update, wake};
use crate::{
    task::Current,
    uaddr::{UserAddr, UserPtr},
};

/// Marks all locks of the calling task's list as those of a dead owner, and wakes a waiter of each.
/// Called when the task exits or executes another program, while its memory is still there. The
/// list is the application's: it may be wrong, circular or endless.
pub fn exit(current: &mut Current, head: UserAddr) {
    // There is nobody to tell about a list that cannot be read.
    let _ = walk(current, head);
}

fn walk(current: &mut Current, head: UserAddr) -> Result<(), Errno> {
    let list: RobustListHead = current.read(UserPtr::new(head))?;
    let pending = list.pending & !1;
    let mut entry = list.next;
    for _ in 0..ROBUST_LIST_LIMIT {
        let address = entry & !1;
        if address == head.get() || address == 0 {
            break;
        }
        // Read before the lock is given away: its new owner may put the entry into its own list.
        let next = current.read(UserPtr::<u64>::new(UserAddr::new(address)));
        if address != pending {
            release(current, address.wrapping_add_signed(list.futex_offset), entry & 1 != 0, false)?;
        }
        entry = next?;
    }
    if pending != 0 {
        release(current, pending.wrapping_add_signed(list.futex_offset), list.pending & 1 != 0, true)?;
    }
    Ok(())
}

/// One lock of a dead owner.
fn release(current: &mut Current, address: u64, inheriting: bool, pending: bool) -> Result<(), Errno> {
    let word = Word::new(current, address, false)?;
    let value = read(&**current.context.address_space(), address)?;
    if pending && !inheriting && value == 0 {
        // It died between unlocking and waking.
        wake(word, 1, BITSET_MATCH_ANY);
        return Ok(());
    }
    if value & TID_MASK != current.task.own_tid().unsigned_abs() {
        return Ok(());
    }
    if inheriting {
        return inherit::hand_over(current, word, OWNER_DIED);
    }
    let old = update(current, address, |old| old & WAITERS | OWNER_DIED)?;
    if old & WAITERS != 0 {
        // Waiters of a private lock have its private key.
        wake(word, 1, BITSET_MATCH_ANY);
        wake(Word::new(current, address, true)?, 1, BITSET_MATCH_ANY);
    }
    Ok(())
}
