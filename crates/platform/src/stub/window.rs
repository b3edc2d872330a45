//! The windows of a slot: small copies to and from application memory without a host call.
//!
//! With a call, the stub brings along what its pointers point to (blob/fetch.rs has the list), and
//! when it is told to go on, it first stores what the kernel left for it. All else goes by process_vm_readv and process_vm_writev.

use std::sync::{Arc, atomic::Ordering};

use parking_lot::Mutex;

use super::{
    chunk::Slot,
    shared::{self, Copy},
};
use crate::{AddressSpace, Ending};

const INPUT: usize = shared::INPUT as usize;
const INPUT_SIZE: usize = shared::INPUT_SIZE as usize;
const OUTPUT: usize = shared::OUTPUT as usize;
const OUTPUT_SIZE: usize = shared::OUTPUT_SIZE as usize;
const WINDOW_ALIGN: usize = shared::WINDOW_ALIGN as usize;

/// Most entries that wait in the output window.
const MAX_COPIES: usize = 16;
/// A longer copy is faster by a host call, which makes it in one go.
const MAX_LENGTH: usize = 0x2000;

/// A range of application memory, and where in the slot its bytes are.
#[derive(Clone, Copy, Default)]
struct Part {
    address: u64,
    length: usize,
    place: usize,
}

impl Part {
    fn end(&self) -> u64 {
        self.address.saturating_add(self.length as u64)
    }

    /// Where the bytes of a range are, if the part has them all.
    fn find(&self, address: u64, length: usize) -> Option<usize> {
        let offset = usize::try_from(address.checked_sub(self.address)?).ok()?;
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| self.place + offset)
    }

    fn overlaps(&self, address: u64, length: usize) -> bool {
        address < self.end() && self.address < address.saturating_add(length as u64)
    }
}

/// What is in the windows. Kept here alone: what the slot says of itself is the stub's word.
#[derive(Default)]
struct Content {
    fetched: [Part; 2],
    copies: Vec<Part>,
    /// Bytes of the output window in use.
    used: usize,
}

/// Application memory as the task of one thread sees it.
pub(super) struct Memory {
    space: Arc<dyn AddressSpace>,
    slot: Slot,
    content: Mutex<Content>,
}

impl Memory {
    pub fn new(space: Arc<dyn AddressSpace>, slot: Slot) -> Memory {
        Memory { space, slot, content: Mutex::default() }
    }

    /// The stub reported a call: takes note of what it fetched.
    pub fn fetched(&self) {
        let page = self.slot.page();
        let [first, first_length, second, second_length] =
            [0, 1, 2, 3].map(|index| page.fetched[index].load(Ordering::Relaxed));
        let mut content = self.content.lock();
        let mut place = 0;
        for (part, (address, length)) in
            content.fetched.iter_mut().zip([(first, first_length), (second, second_length)])
        {
            let room = INPUT_SIZE.saturating_sub(place);
            let length = usize::try_from(length).ok().filter(|length| *length <= room).unwrap_or_default();
            *part = Part { address, length, place: INPUT + place };
            place += length.next_multiple_of(WINDOW_ALIGN);
        }
    }

    /// The application is about to go on. Returns how many entries the output window has.
    pub fn hand_over(&self) -> u16 {
        let mut content = self.content.lock();
        content.fetched = [Part::default(); 2];
        // There are few.
        u16::try_from(content.copies.len()).unwrap_or_default()
    }

    /// A range of memory was changed by other means.
    pub fn changed(&self, address: u64, length: usize) {
        self.content.lock().forget(address, length);
    }

    /// The stub stored the output window.
    pub fn stored(&self) {
        let mut content = self.content.lock();
        content.copies.clear();
        content.used = 0;
    }

    /// Something waits to be stored.
    pub fn waits(&self) -> bool {
        !self.content.lock().copies.is_empty()
    }

    /// Stores the output window by host calls. False if memory was bad somewhere.
    pub fn store(&self) -> bool {
        self.flush(&mut self.content.lock())
    }

    fn flush(&self, content: &mut Content) -> bool {
        let mut good = true;
        let mut bytes = Vec::new();
        for part in content.copies.drain(..) {
            bytes.resize(part.length, 0);
            self.slot.read(part.place, &mut bytes);
            good &= self.space.write(part.address, &bytes) == part.length;
        }
        content.used = 0;
        good
    }

    /// Stores what waits in the output window, if it concerns a range.
    fn settle(&self, content: &mut Content, address: u64, length: usize) {
        if content.copies.iter().any(|part| part.overlaps(address, length)) {
            self.flush(content);
        }
    }
}

impl AddressSpace for Memory {
    fn read(&self, address: u64, into: &mut [u8]) -> usize {
        let mut content = self.content.lock();
        self.settle(&mut content, address, into.len());
        match content.fetched.iter().find_map(|part| part.find(address, into.len())) {
            Some(place) => {
                self.slot.read(place, into);
                into.len()
            }
            None => self.space.read(address, into),
        }
    }

    fn known_string(&self, address: u64, into: &mut [u8]) -> Option<usize> {
        let content = self.content.lock();
        let part = content.fetched.iter().find(|part| part.address == address && part.length > 0)?;
        let text = into.get_mut(..part.length)?;
        self.slot.read(part.place, text);
        // What is no string to its end changed since, or is something else.
        let end = text.iter().position(|byte| *byte == 0)?;
        Some(end + 1)
    }

    fn write(&self, address: u64, data: &[u8]) -> usize {
        let mut content = self.content.lock();
        self.settle(&mut content, address, data.len());
        content.forget(address, data.len());
        self.space.write(address, data)
    }

    fn write_later(&self, address: u64, data: &[u8]) -> usize {
        let mut content = self.content.lock();
        let place = content.used + size_of::<Copy>();
        let end = place + data.len();
        if data.len() > MAX_LENGTH || end > OUTPUT_SIZE || content.copies.len() == MAX_COPIES {
            drop(content);
            return self.write(address, data);
        }
        content.forget(address, data.len());
        let head = [address, data.len() as u64].map(u64::to_le_bytes).concat();
        self.slot.write(OUTPUT + content.used, &head);
        self.slot.write(OUTPUT + place, data);
        content.copies.push(Part { address, length: data.len(), place: OUTPUT + place });
        content.used = end.next_multiple_of(WINDOW_ALIGN);
        data.len()
    }

    fn is_dead(&self) -> bool {
        self.space.is_dead()
    }

    fn kill(&self) {
        self.space.kill();
    }

    fn host_pid(&self) -> i32 {
        self.space.host_pid()
    }

    fn ending(&self) -> Arc<Ending> {
        self.space.ending()
    }
}

impl Content {
    /// What was fetched is not what memory holds any more.
    fn forget(&mut self, address: u64, length: usize) {
        for part in &mut self.fetched {
            if part.overlaps(address, length) {
                *part = Part::default();
            }
        }
    }
}
