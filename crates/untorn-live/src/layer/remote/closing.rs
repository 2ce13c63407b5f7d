//! Requests that the end of the store interrupts.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ureq::Agent;

/// The connections of all sources of a store.
#[derive(Default)]
pub(crate) struct Closing(Mutex<State>);

#[derive(Default)]
struct State {
    is_closed: bool,
    /// The agents whose requests are interrupted, by their numbers.
    agents: Vec<(u64, Agent)>,
    next: u64,
}

impl Closing {
    /// Interrupts all requests; new ones fail.
    pub(crate) fn close(&self) {
        let agents = {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::take(&mut state.agents)
        };
        for (_, agent) in agents {
            agent.shutdown();
        }
    }

    pub(in crate::layer) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Adds an agent.
    pub(super) fn add(self: &Arc<Self>, agent: Agent) -> Connection {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        if state.is_closed {
            agent.clone().shutdown();
        } else {
            state.agents.push((number, agent.clone()));
        }
        Connection {
            agent,
            number,
            closing: Arc::clone(self),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connections of one source. Dropping it interrupts its requests.
pub(in crate::layer) struct Connection {
    agent: Agent,
    number: u64,
    closing: Arc<Closing>,
}

impl Deref for Connection {
    type Target = Agent;

    fn deref(&self) -> &Agent {
        &self.agent
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut state = self.closing.lock();
        state.agents.retain(|(number, _)| *number != self.number);
        drop(state);
        self.agent.clone().shutdown();
    }
}
