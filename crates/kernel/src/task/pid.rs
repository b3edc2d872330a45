//! Process ids and their namespaces; see pid_namespaces(7).
//!
//! A task has one number in its own namespace and one in each namespace above, up to the root
//! namespace of the sandbox. The kernel itself names tasks, processes, process groups and sessions
//! by their number in the root namespace, which is unique among all containers.

use std::collections::HashMap;

use lazaret_abi::errno::Errno;
use lazaret_snapshot::Snapshot;

use super::namespaces::NamespaceId;
use crate::sync::{Arc, AtomicI32, Mutex, Ordering, Weak};

/// Numbers are below this (`kernel.pid_max` of a large machine).
pub const PID_MAX: i32 = 4_194_304;

/// After the first round, numbers start here: the low ones are for what starts early.
const RESERVED: i32 = 300;

/// Deepest nesting of namespaces.
const MAX_LEVEL: usize = 32;

/// A pid namespace.
#[derive(Snapshot)]
pub struct PidNamespace {
    id: Arc<NamespaceId>,
    parent: Option<Arc<PidNamespace>>,
    level: usize,
    numbers: Mutex<Numbers>,
    /// The process that is 1 here, by its number in the root namespace; 0 before there is one.
    init: AtomicI32,
}

#[derive(Snapshot)]
struct Numbers {
    used: HashMap<i32, Weak<Pid>>,
    last: i32,
    /// The first process has died: nothing can be started here any more.
    closed: bool,
}

impl Numbers {
    fn take(&mut self, wish: Option<i32>) -> Result<i32, Errno> {
        if self.closed {
            return Err(Errno::ENOMEM);
        }
        if let Some(number) = wish {
            if self.used.contains_key(&number) {
                return Err(Errno::EEXIST);
            }
            self.used.insert(number, Weak::new());
            return Ok(number);
        }
        if self.used.len() >= PID_MAX as usize - RESERVED as usize {
            return Err(Errno::EAGAIN);
        }
        // Ends: fewer numbers are used than there are.
        let mut number = self.last;
        loop {
            number = if number + 1 >= PID_MAX { RESERVED } else { number + 1 };
            if !self.used.contains_key(&number) {
                break;
            }
        }
        self.last = number;
        self.used.insert(number, Weak::new());
        Ok(number)
    }
}

impl PidNamespace {
    /// The root namespace of a sandbox.
    pub fn root() -> Arc<PidNamespace> {
        PidNamespace::below(None, 0)
    }

    /// A namespace below `parent`.
    ///
    /// # Errors
    /// `ENOSPC` when nested too deeply.
    pub fn new(parent: &Arc<PidNamespace>) -> Result<Arc<PidNamespace>, Errno> {
        let level = parent.level + 1;
        if level > MAX_LEVEL {
            return Err(Errno::ENOSPC);
        }
        Ok(PidNamespace::below(Some(parent.clone()), level))
    }

    fn below(parent: Option<Arc<PidNamespace>>, level: usize) -> Arc<PidNamespace> {
        let numbers = Numbers { used: HashMap::new(), last: 0, closed: false };
        Arc::new(PidNamespace {
            id: NamespaceId::new(),
            parent,
            level,
            numbers: Mutex::new(numbers),
            init: AtomicI32::new(0),
        })
    }

    /// Identity, as `/proc/PID/ns` shows it.
    pub fn identity(&self) -> &NamespaceId {
        &self.id
    }

    /// The namespace it is in.
    pub fn parent(&self) -> Option<&Arc<PidNamespace>> {
        self.parent.as_ref()
    }

    /// `other` is this namespace or one inside it.
    pub fn contains(self: &Arc<Self>, other: &Arc<PidNamespace>) -> bool {
        let mut at = Some(other);
        while let Some(namespace) = at {
            if Arc::ptr_eq(self, namespace) {
                return true;
            }
            at = namespace.parent();
        }
        false
    }

    /// The pid with this number.
    pub fn find(&self, number: i32) -> Option<Arc<Pid>> {
        self.numbers.lock().used.get(&number).and_then(Weak::upgrade)
    }

    /// The process that is 1 here, by its number in the root namespace.
    pub fn init(&self) -> Option<i32> {
        Some(self.init.load(Ordering::Relaxed)).filter(|init| *init != 0)
    }

    /// Nothing starts here any more: the first process has died.
    pub fn close(&self) {
        self.numbers.lock().closed = true;
    }

    /// The last number given out, as /proc/loadavg shows it.
    pub fn last(&self) -> i32 {
        self.numbers.lock().last
    }
}

/// The numbers of a task, and of the process, process group and session that it leads. They are
/// taken while any of these exists.
#[derive(Snapshot)]
pub struct Pid {
    /// Namespace and number, from the root namespace inwards.
    numbers: Vec<(Arc<PidNamespace>, i32)>,
}

impl Pid {
    /// Takes numbers in `namespace` and all above. `wishes` are the numbers asked for
    /// (`set_tid` of clone3(2)), from `namespace` outwards.
    ///
    /// # Errors
    /// `EAGAIN` when all numbers are taken, `ENOMEM` when the namespace is dead, `EEXIST` for a wish
    /// that is taken, `EINVAL` for one that is out of range or beyond the root.
    pub fn allocate(namespace: &Arc<PidNamespace>, wishes: &[i32]) -> Result<Arc<Pid>, Errno> {
        let mut chain = vec![namespace.clone()];
        while let Some(parent) = chain.last().and_then(|namespace| namespace.parent.clone()) {
            chain.push(parent);
        }
        if wishes.len() > chain.len() || wishes.iter().any(|wish| !(1..PID_MAX).contains(wish)) {
            return Err(Errno::EINVAL);
        }
        // Dropped on an error, which gives back what was taken so far.
        let mut pid = Pid { numbers: Vec::with_capacity(chain.len()) };
        for (depth, namespace) in chain.iter().enumerate() {
            let number = namespace.numbers.lock().take(wishes.get(depth).copied())?;
            pid.numbers.push((namespace.clone(), number));
        }
        pid.numbers.reverse();
        let pid = Arc::new(pid);
        for (namespace, number) in &pid.numbers {
            namespace.numbers.lock().used.insert(*number, Arc::downgrade(&pid));
            if *number == 1 {
                namespace.init.store(pid.global(), Ordering::Relaxed);
            }
        }
        Ok(pid)
    }

    /// The number in the root namespace.
    pub fn global(&self) -> i32 {
        self.numbers.first().map_or(0, |(_, number)| *number)
    }

    /// The number in `namespace`; 0 if it cannot be seen from there.
    pub fn number_in(&self, namespace: &Arc<PidNamespace>) -> i32 {
        match self.numbers.get(namespace.level) {
            Some((owner, number)) if Arc::ptr_eq(owner, namespace) => *number,
            _ => 0,
        }
    }

    /// Numbers from `namespace` inwards (`NSpid` of /proc/PID/status).
    pub fn numbers_from(&self, namespace: &Arc<PidNamespace>) -> Vec<i32> {
        self.numbers.iter().skip(namespace.level).map(|(_, number)| *number).collect()
    }

    /// The innermost namespace: the one the task lives in.
    pub fn namespace(&self) -> Option<&Arc<PidNamespace>> {
        self.numbers.last().map(|(namespace, _)| namespace)
    }

    /// It is 1 in its own namespace.
    pub fn is_init(&self) -> bool {
        self.numbers.last().is_some_and(|(namespace, number)| *number == 1 && namespace.level > 0)
    }
}

impl Drop for Pid {
    fn drop(&mut self) {
        for (namespace, number) in &self.numbers {
            namespace.numbers.lock().used.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_come_back_late() {
        let root = PidNamespace::root();
        let first = Pid::allocate(&root, &[]).unwrap();
        let second = Pid::allocate(&root, &[]).unwrap();
        assert_eq!((first.global(), second.global()), (1, 2));
        drop(first);
        assert_eq!(Pid::allocate(&root, &[]).unwrap().global(), 3);
        assert!(root.find(1).is_none());
        root.numbers.lock().last = PID_MAX - 1;
        assert_eq!(Pid::allocate(&root, &[]).unwrap().global(), RESERVED);
    }

    #[test]
    fn a_task_has_a_number_in_each_namespace_above() {
        let root = PidNamespace::root();
        let _other = Pid::allocate(&root, &[]).unwrap();
        let inner = PidNamespace::new(&root).unwrap();
        let pid = Pid::allocate(&inner, &[]).unwrap();
        assert_eq!((pid.number_in(&root), pid.number_in(&inner)), (2, 1));
        assert!(pid.is_init());
        assert_eq!(inner.init(), Some(2));
        assert!(root.contains(&inner) && !inner.contains(&root));
        let sibling = PidNamespace::new(&root).unwrap();
        assert_eq!(pid.number_in(&sibling), 0);
    }

    #[test]
    fn wishes_are_checked() {
        let root = PidNamespace::root();
        let inner = PidNamespace::new(&root).unwrap();
        let pid = Pid::allocate(&inner, &[7]).unwrap();
        assert_eq!(pid.number_in(&inner), 7);
        assert_eq!(Pid::allocate(&inner, &[7]).err(), Some(Errno::EEXIST));
        assert_eq!(Pid::allocate(&inner, &[8, 9, 10]).err(), Some(Errno::EINVAL));
        assert_eq!(Pid::allocate(&inner, &[0]).err(), Some(Errno::EINVAL));
        inner.close();
        assert_eq!(Pid::allocate(&inner, &[]).err(), Some(Errno::ENOMEM));
        assert_eq!(root.numbers.lock().used.len(), 1);
    }
}
