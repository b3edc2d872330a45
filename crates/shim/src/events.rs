//! Events for containerd: told in order, by a thread of their own, so that no request waits for containerd.

use std::{
    io,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::{Duration, SystemTime},
};

use containerd_shim_protos::{
    Client, EventsClient,
    protobuf::{MessageFull, well_known_types::any::Any},
    shim::{event::Envelope, events::ForwardRequest},
    ttrpc::context,
};

use crate::{log, process::timestamp};

/// How often an event is tried, and the time between: containerd may be restarting.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// How long containerd may take for one event.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the thread is given.
enum Item {
    /// An event and its topic.
    Event(&'static str, Any),
    /// Nothing, but to say when everything before it is done.
    Mark(Sender<()>),
}

/// Where events go in.
#[derive(Clone, Debug)]
pub struct Events {
    sender: Sender<Item>,
}

impl Events {
    /// Starts the thread that sends events to the socket at `address`, as of `namespace`.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn to(address: String, namespace: String) -> io::Result<Events> {
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("events".into()).spawn(move || forward(&address, &namespace, &receiver))?;
        Ok(Events { sender })
    }

    /// Tells containerd of an event.
    pub fn send<E: MessageFull>(&self, topic: &'static str, event: &E) {
        let Ok(value) = event.write_to_bytes() else { return };
        // The name alone, as containerd's typeurl has it for its own messages.
        let event = Any { type_url: E::descriptor().full_name().into(), value, ..Any::default() };
        // The thread ends with the process only.
        let _ = self.sender.send(Item::Event(topic, event));
    }

    /// Waits until all events are told, but not long.
    pub fn flush(&self) {
        let (done, is_done) = mpsc::channel();
        let _ = self.sender.send(Item::Mark(done));
        let _ = is_done.recv_timeout(TIMEOUT);
    }
}

fn forward(address: &str, namespace: &str, receiver: &Receiver<Item>) {
    let mut client = None;
    for item in receiver {
        let (topic, event) = match item {
            Item::Event(topic, event) => (topic, event),
            Item::Mark(done) => {
                let _ = done.send(());
                continue;
            }
        };
        let envelope = Envelope {
            timestamp: Some(timestamp(SystemTime::now())).into(),
            namespace: namespace.into(),
            topic: topic.into(),
            event: Some(event).into(),
            ..Envelope::default()
        };
        let request = ForwardRequest { envelope: Some(envelope).into(), ..ForwardRequest::default() };
        for remaining in (0..TRIES).rev() {
            let was_connected = client.is_some();
            let connected = match client.take() {
                Some(client) => Ok(client),
                None => Client::connect(address).map(EventsClient::new),
            };
            let sent = connected.and_then(|connected| {
                connected.forward(context::with_duration(TIMEOUT), &request).map(|_| client = Some(connected))
            });
            match sent {
                Ok(()) => break,
                Err(error) if remaining == 0 => log(&format!("event {topic} is lost: {error}")),
                // containerd may have been restarted since the last event.
                Err(_) if was_connected => {}
                Err(_) => thread::sleep(PAUSE),
            }
        }
    }
}
