//! A sandbox with all its containers.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{
    cgroup::Cgroup,
    config::{Args, Config},
    container::{Container, Held},
    error::Error,
    join::join,
    launch::Launched,
    make::make,
    state::{Registry, Status},
};

/// A sandbox: one application kernel, and the containers that it runs. It begins and ends with its first
/// container, whose id is the sandbox's.
#[derive(Debug)]
pub struct Sandbox {
    root: Container,
}

impl Sandbox {
    /// Makes a sandbox and its first container, which waits for its start.
    ///
    /// The calling process must have one thread only.
    ///
    /// # Errors
    /// Whatever failed, by name; then nothing is left.
    pub fn new(config: &Config, args: Args) -> Result<Sandbox, Error> {
        args.spec.validate()?;
        let registry = Registry::open(config)?;
        let entry = registry.create(&args.id)?;
        match make(config, args, &entry) {
            Ok((state, launched)) => {
                let Launched { child, channel, gofer } = launched;
                let held = Held::Sandbox { channel, child: Some(child), gofer };
                let root = Container { state, entry, sandbox: None, held };
                if let Err(error) = root.creating_hooks().and_then(|()| root.release()) {
                    let _ = root.destroy();
                    return Err(error);
                }
                Ok(Sandbox { root })
            }
            Err(error) => {
                let _ = entry.remove();
                Err(error)
            }
        }
    }

    /// Finds a sandbox that was made before.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a container that is not the first of its sandbox; what is wrong with its
    /// state.
    pub fn load(config: &Config, id: &str) -> Result<Sandbox, Error> {
        let root = Container::load(config, id)?;
        if root.is_root() { Ok(Sandbox { root }) } else { Err(Error::NotFound(id.into())) }
    }

    /// Makes a further container, which waits for its start, in a sandbox that was made with
    /// [`Args::is_open`] or an annotation that says so.
    ///
    /// It has a root, mounts, a control group and a terminal of its own; of the namespaces its specification lists, it
    /// has those of its own that have no path, and is in those of the named containers otherwise; kinds that
    /// are not listed, and the network, are the sandbox's.
    ///
    /// The calling process must have one thread only.
    ///
    /// # Errors
    /// Whatever failed, by name; then nothing is left.
    pub fn create_container(&self, config: &Config, args: Args) -> Result<Container, Error> {
        args.spec.validate()?;
        let registry = Registry::open(config)?;
        let entry = registry.create(&args.id)?;
        let joined = join(config, &registry, &self.root, args, &entry);
        match joined {
            Ok((state, held)) => {
                let sandbox = Some(registry.get(self.id())?);
                let container = Container { state, entry, sandbox, held };
                if let Err(error) = container.creating_hooks() {
                    let _ = container.destroy();
                    return Err(error);
                }
                Ok(container)
            }
            Err(error) => {
                let _ = entry.remove();
                Err(error)
            }
        }
    }

    /// Its id, and that of its first container.
    pub fn id(&self) -> &str {
        self.root.id()
    }

    /// The sandbox process, by the host's number; 0 if it does not run.
    pub fn pid(&self) -> i32 {
        if self.is_running() { self.root.state().pid } else { 0 }
    }

    /// The cgroup that it is in, if it has one of its own.
    pub fn cgroup(&self) -> Option<&Cgroup> {
        self.root.state().cgroup.as_ref()
    }

    /// The OOM score of the sandbox process before its specification changed it; see `/proc/PID/oom_score_adj` in
    /// proc(5).
    pub fn original_oom_score_adj(&self) -> i32 {
        self.root.state().original_oom_score_adj
    }

    /// The container is the first one, with which the sandbox begins and ends.
    pub fn is_root_container(&self, id: &str) -> bool {
        self.id() == id
    }

    /// The first container.
    pub fn root(&self) -> &Container {
        &self.root
    }

    /// The first container, to be started or waited for.
    pub fn root_mut(&mut self) -> &mut Container {
        &mut self.root
    }

    /// The first container, which stands for the sandbox.
    pub fn into_root(self) -> Container {
        self.root
    }

    /// The sandbox process lives.
    pub fn is_running(&self) -> bool {
        !matches!(self.root.state().status(), Status::Creating | Status::Stopped)
    }

    /// One of its containers.
    ///
    /// # Errors
    /// [`Error::NotFound`], also for a container of another sandbox.
    pub fn container(&self, config: &Config, id: &str) -> Result<Container, Error> {
        let container = Container::load(config, id)?;
        if container.sandbox_id() == self.id() { Ok(container) } else { Err(Error::NotFound(id.into())) }
    }

    /// All its containers, by id.
    ///
    /// # Errors
    /// Those of reading the state directory.
    pub fn containers(&self, config: &Config) -> Result<Vec<Container>, Error> {
        let all = Registry::open(config)?.list()?;
        // One that is removed meanwhile is not there.
        let load = |state: crate::state::State| self.container(config, &state.id).ok();
        Ok(all.into_iter().filter_map(load).collect())
    }

    /// Kills every process of a container, and returns when it is gone with all that was made for it. One that is gone
    /// already is no error. The end of the first container is that of the sandbox, whose state stays until
    /// [`Sandbox::destroy`].
    ///
    /// # Errors
    /// What could not be removed; [`Error::NotFound`] for a container of another sandbox.
    pub fn destroy_container(&self, config: &Config, id: &str) -> Result<(), Error> {
        if self.is_root_container(id) {
            return self.root.kill();
        }
        match Container::load(config, id) {
            Ok(container) if container.sandbox_id() == self.id() => container.destroy(),
            Ok(_) => Err(Error::NotFound(id.into())),
            Err(Error::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends it with all its containers, and removes its state. What the others have left is removed with
    /// [`Container::delete`].
    ///
    /// # Errors
    /// Those of removing the state directory.
    pub fn destroy(self) -> Result<(), Error> {
        self.root.destroy()
    }
}

/// What is known of it at this moment; [`Sandbox::load`] finds it again by its id.
impl Serialize for Sandbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Sandbox", 4)?;
        fields.serialize_field("id", self.id())?;
        fields.serialize_field("pid", &self.pid())?;
        fields.serialize_field("cgroup", &self.cgroup())?;
        fields.serialize_field("originalOomScoreAdj", &self.original_oom_score_adj())?;
        fields.end()
    }
}
