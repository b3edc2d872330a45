//! What an address space has used, which the host tells after its end.

use std::time::Duration;

use lazaret_hostcall::remote::MemoryUse;
use parking_lot::{Condvar, Mutex};

/// How long the end of an address space may take: its host process was killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// The end of an address space. Does not keep it alive.
#[derive(Debug, Default)]
pub struct Ending {
    used: Mutex<Option<MemoryUse>>,
    changed: Condvar,
}

impl Ending {
    /// The address space has ended.
    pub fn set(&self, used: MemoryUse) {
        *self.used.lock() = Some(used);
        self.changed.notify_all();
    }

    /// What was used, if it has ended.
    pub fn get(&self) -> Option<MemoryUse> {
        *self.used.lock()
    }

    /// What was used. Waits for the end, but not for long: then nothing is known.
    pub fn wait(&self) -> MemoryUse {
        let mut used = self.used.lock();
        self.changed.wait_while_for(&mut used, |used| used.is_none(), PATIENCE);
        used.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    #[test]
    fn who_waits_is_told() {
        let ending = Arc::new(Ending::default());
        assert_eq!(ending.get(), None);
        let used = MemoryUse { max_resident: 7, minor_faults: 8, major_faults: 9 };
        let waiting = thread::spawn({
            let ending = Arc::clone(&ending);
            move || ending.wait()
        });
        ending.set(used);
        assert_eq!(waiting.join().unwrap(), used);
        assert_eq!(ending.get(), Some(used));
    }
}
