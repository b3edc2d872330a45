//! connect(2).

use std::net::SocketAddr;

use lazaret_abi::errno::Errno;

use super::{
    super::{
        Route,
        remote::{self, Outcome, tuning},
        unspecified,
    },
    PORTS, Phase, State, TcpSocket,
};
use crate::{
    net::stack::{
        Stack,
        tcp::{Connection, Ends},
    },
    sync::Arc,
    wait::Events,
};

impl TcpSocket {
    /// What another connect(2) finds.
    pub(super) fn connect_state(&self) -> Option<Result<(), Errno>> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Connected(_, untold) if *untold => {
                *untold = false;
                Some(Ok(()))
            }
            Phase::Connected(..) | Phase::Remote(_, false) => Some(Err(Errno::EISCONN)),
            Phase::Connecting => Some(Err(Errno::EALREADY)),
            Phase::Remote(_, true) => Some(self.remote_outcome(&mut state).unwrap_or(Err(Errno::EALREADY))),
            Phase::Closed => {
                drop(state);
                self.common.take_error().map(Err)
            }
        }
    }

    /// What became of the connect(2) of a connection over a link, to be told once.
    fn remote_outcome(&self, state: &mut State) -> Option<Result<(), Errno>> {
        let Phase::Remote(connection, untold) = &mut state.phase else { return None };
        match remote::outcome(&self.common, connection) {
            Outcome::Pending => None,
            Outcome::Made => {
                *untold = false;
                Some(Ok(()))
            }
            Outcome::Failed(error) => {
                state.phase = Phase::Closed;
                (state.read_shut, state.write_shut) = (true, true);
                Some(Err(error))
            }
        }
    }

    pub(super) fn start_connecting(&self, route: Route) -> Result<(), Errno> {
        let bound = self.bind_to(unspecified(self.common.family))?;
        let local = SocketAddr::new(route.source(bound)?, bound.port());
        let to = route.to;
        if let Some(stack) = route.link {
            return self.start_remote(stack, (local, to));
        }
        {
            let mut state = self.state.lock();
            (state.local, state.remote) = (Some(local), Some(to));
            (state.read_shut, state.write_shut) = (false, false);
            state.phase = Phase::Connecting;
        }
        let Some(target) = PORTS.find(to, local) else {
            self.refuse(Errno::ECONNREFUSED);
            return Ok(());
        };
        match &mut *target.listener.lock() {
            Some(slot) => {
                // It may have waited before, and others may have gone.
                slot.waiting.retain(|other| other.strong_count() > 0 && !other.ptr_eq(&self.own));
                slot.waiting.push_back(self.own.clone());
                TcpSocket::admit(&target, slot);
            }
            None => {
                self.refuse(Errno::ECONNREFUSED);
                return Ok(());
            }
        }
        target.queue.wake(Events::READABLE);
        Ok(())
    }

    fn start_remote(&self, stack: &Arc<Stack>, ends: Ends) -> Result<(), Errno> {
        let waiters = (&self.common.queue, &self.common.error);
        let connection = Connection::connect(stack, ends, tuning(&self.common, &self.levels), waiters)?;
        let mut state = self.state.lock();
        (state.local, state.remote) = (Some(ends.0), Some(ends.1));
        (state.read_shut, state.write_shut) = (false, false);
        state.phase = Phase::Remote(connection, true);
        Ok(())
    }

    /// One connect(2) that waits: the outcome, once there is one.
    pub(super) fn outcome(&self) -> Option<Result<(), Errno>> {
        let mut state = self.state.lock();
        match &mut state.phase {
            Phase::Connected(_, untold) => {
                *untold = false;
                Some(Ok(()))
            }
            Phase::Connecting => None,
            Phase::Remote(..) => self.remote_outcome(&mut state),
            Phase::Closed => {
                drop(state);
                Some(Err(self.common.take_error().unwrap_or(Errno::ECONNREFUSED)))
            }
        }
    }
}
