//! containerd's requests; see `api/runtime/task/v2/shim.proto` of containerd.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use containerd_shim_protos::{
    Task,
    api::{
        CloseIORequest, ConnectRequest, ConnectResponse, CreateTaskRequest, CreateTaskResponse, DeleteRequest,
        DeleteResponse, Empty, ExecProcessRequest, KillRequest, PauseRequest, PidsRequest, PidsResponse, ProcessInfo,
        ResizePtyRequest, ResumeRequest, ShutdownRequest, StartRequest, StartResponse, StateRequest, StateResponse,
        StatsRequest, StatsResponse, UpdateTaskRequest, WaitRequest, WaitResponse,
    },
    events::task::{TaskCreate, TaskIO, TaskPaused, TaskResumed},
    protobuf::well_known_types::any::Any,
    topics,
    ttrpc::{self, Code, TtrpcContext},
};
use lazaret_sandbox::{Config, Status};
use serde::de::DeserializeOwned;

use crate::{
    config,
    container::{Container, failed},
    events::Events,
    options::config_path,
    process::timestamp,
    rootfs, stats,
    streams::Paths,
};

/// The containers of this server.
pub struct Service {
    config: Config,
    events: Events,
    containers: Mutex<BTreeMap<String, Arc<Container>>>,
    is_shut_down: Mutex<bool>,
    shut_down: Condvar,
}

impl Service {
    /// A service for containers of a namespace of containerd.
    pub fn new(namespace: &str, events: Events) -> Service {
        Service {
            config: config(namespace),
            events,
            containers: Mutex::default(),
            is_shut_down: Mutex::new(false),
            shut_down: Condvar::new(),
        }
    }

    /// Waits until containerd needs this server no more.
    pub fn await_shutdown(&self) {
        let guard = self.is_shut_down.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.shut_down.wait_while(guard, |is_shut_down| !*is_shut_down));
        self.events.flush();
    }

    fn containers(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Container>>> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn container(&self, id: &str) -> ttrpc::Result<Arc<Container>> {
        let container = self.containers().get(id).cloned();
        container.ok_or_else(|| failed(Code::NOT_FOUND, format!("container {id} not found")))
    }
}

/// The JSON that a message carries.
fn decode<T: DeserializeOwned>(any: &Any) -> ttrpc::Result<T> {
    serde_json::from_slice(&any.value).map_err(|error| failed(Code::INVALID_ARGUMENT, error))
}

impl Task for Service {
    fn create(&self, _: &TtrpcContext, request: CreateTaskRequest) -> ttrpc::Result<CreateTaskResponse> {
        let unknown = |error: &dyn std::fmt::Display| failed(Code::UNKNOWN, error);
        if self.containers().contains_key(&request.id) {
            return Err(failed(Code::ALREADY_EXISTS, format!("container {} exists already", request.id)));
        }
        if !request.checkpoint.is_empty() {
            return Err(failed(Code::UNIMPLEMENTED, "checkpoints cannot be restored"));
        }
        let options = request.options.as_ref().map_or(Ok(String::new()), config_path);
        let options = options.map_err(|error| failed(Code::INVALID_ARGUMENT, error))?;
        let bundle = PathBuf::from(&request.bundle);
        let paths = Paths {
            stdin: request.stdin.clone(),
            stdout: request.stdout.clone(),
            stderr: request.stderr.clone(),
            terminal: request.terminal,
        };
        rootfs::mount_all(&bundle, &request.rootfs).map_err(|error| unknown(&error))?;
        let made = Container::create(
            self.config.clone(),
            self.events.clone(),
            request.id.clone(),
            bundle.clone(),
            paths,
            &options,
        );
        let container = made.inspect_err(|_| {
            // The first failure is the one to tell.
            let _ = rootfs::unmount(&bundle);
        })?;
        let pid = container.process("")?.life().pid.cast_unsigned();
        let event = TaskCreate {
            container_id: request.id.clone(),
            bundle: request.bundle,
            rootfs: request.rootfs,
            io: Some(TaskIO {
                stdin: request.stdin,
                stdout: request.stdout,
                stderr: request.stderr,
                terminal: request.terminal,
                ..TaskIO::default()
            })
            .into(),
            pid,
            ..TaskCreate::default()
        };
        self.events.send(topics::TASK_CREATE_EVENT_TOPIC, &event);
        self.containers().insert(request.id, container);
        Ok(CreateTaskResponse { pid, ..CreateTaskResponse::default() })
    }

    fn start(&self, _: &TtrpcContext, request: StartRequest) -> ttrpc::Result<StartResponse> {
        let container = self.container(&request.id)?;
        let pid = match request.exec_id.as_str() {
            "" => container.start()?,
            exec_id => container.start_exec(&container.process(exec_id)?)?,
        };
        Ok(StartResponse { pid: pid.cast_unsigned(), ..StartResponse::default() })
    }

    fn exec(&self, _: &TtrpcContext, request: ExecProcessRequest) -> ttrpc::Result<Empty> {
        let mut spec: lazaret_sandbox::spec::Process = decode(&request.spec)?;
        spec.terminal = request.terminal;
        let paths =
            Paths { stdin: request.stdin, stdout: request.stdout, stderr: request.stderr, terminal: request.terminal };
        self.container(&request.id)?.exec(request.exec_id, paths, spec)?;
        Ok(Empty::new())
    }

    fn state(&self, _: &TtrpcContext, request: StateRequest) -> ttrpc::Result<StateResponse> {
        let container = self.container(&request.id)?;
        let process = container.process(&request.exec_id)?;
        let is_paused = container.sandbox().is_ok_and(|sandbox| sandbox.status() == Status::Paused);
        let bundle = container.bundle().display().to_string();
        Ok(StateResponse { id: request.id, bundle, ..process.describe(is_paused) })
    }

    fn wait(&self, _: &TtrpcContext, request: WaitRequest) -> ttrpc::Result<WaitResponse> {
        let exit = self.container(&request.id)?.process(&request.exec_id)?.wait();
        Ok(WaitResponse {
            exit_status: exit.status.into(),
            exited_at: Some(timestamp(exit.at)).into(),
            ..WaitResponse::default()
        })
    }

    fn kill(&self, _: &TtrpcContext, request: KillRequest) -> ttrpc::Result<Empty> {
        let container = self.container(&request.id)?;
        container.kill(&*container.process(&request.exec_id)?, request.signal.cast_signed(), request.all)?;
        Ok(Empty::new())
    }

    fn delete(&self, _: &TtrpcContext, request: DeleteRequest) -> ttrpc::Result<DeleteResponse> {
        let container = self.container(&request.id)?;
        let response = container.delete(&*container.process(&request.exec_id)?)?;
        if request.exec_id.is_empty() {
            self.containers().remove(&request.id);
        }
        Ok(response)
    }

    fn pids(&self, _: &TtrpcContext, request: PidsRequest) -> ttrpc::Result<PidsResponse> {
        let pids = self.container(&request.id)?.with(|sandbox| sandbox.host_processes())?;
        let describe = |pid: i32| ProcessInfo { pid: pid.cast_unsigned(), ..ProcessInfo::default() };
        Ok(PidsResponse { processes: pids.into_iter().map(describe).collect(), ..PidsResponse::default() })
    }

    fn stats(&self, _: &TtrpcContext, request: StatsRequest) -> ttrpc::Result<StatsResponse> {
        let usage = self.container(&request.id)?.with(|sandbox| sandbox.usage())?;
        let stats = stats::describe(&usage).map_err(|error| failed(Code::INTERNAL, error))?;
        Ok(StatsResponse { stats: Some(stats).into(), ..StatsResponse::default() })
    }

    fn update(&self, _: &TtrpcContext, request: UpdateTaskRequest) -> ttrpc::Result<Empty> {
        let limits = decode(&request.resources)?;
        self.container(&request.id)?.with(|sandbox| sandbox.update(limits))?;
        Ok(Empty::new())
    }

    fn pause(&self, _: &TtrpcContext, request: PauseRequest) -> ttrpc::Result<Empty> {
        self.container(&request.id)?.with(|sandbox| sandbox.pause_once())?;
        let event = TaskPaused { container_id: request.id, ..TaskPaused::default() };
        self.events.send(topics::TASK_PAUSED_EVENT_TOPIC, &event);
        Ok(Empty::new())
    }

    fn resume(&self, _: &TtrpcContext, request: ResumeRequest) -> ttrpc::Result<Empty> {
        self.container(&request.id)?.with(|sandbox| sandbox.resume())?;
        let event = TaskResumed { container_id: request.id, ..TaskResumed::default() };
        self.events.send(topics::TASK_RESUMED_EVENT_TOPIC, &event);
        Ok(Empty::new())
    }

    fn resize_pty(&self, _: &TtrpcContext, request: ResizePtyRequest) -> ttrpc::Result<Empty> {
        let size = |number: u32| u16::try_from(number).map_err(|error| failed(Code::INVALID_ARGUMENT, error));
        let container = self.container(&request.id)?;
        container.resize(&*container.process(&request.exec_id)?, size(request.height)?, size(request.width)?)?;
        Ok(Empty::new())
    }

    fn close_io(&self, _: &TtrpcContext, request: CloseIORequest) -> ttrpc::Result<Empty> {
        let process = self.container(&request.id)?.process(&request.exec_id)?;
        if request.stdin {
            process.life().streams.close_input();
        }
        Ok(Empty::new())
    }

    fn connect(&self, _: &TtrpcContext, request: ConnectRequest) -> ttrpc::Result<ConnectResponse> {
        let init = self.container(&request.id).and_then(|container| container.process(""));
        Ok(ConnectResponse {
            shim_pid: std::process::id(),
            task_pid: init.map_or(0, |init| init.life().pid.cast_unsigned()),
            version: env!("CARGO_PKG_VERSION").into(),
            ..ConnectResponse::default()
        })
    }

    fn shutdown(&self, _: &TtrpcContext, _: ShutdownRequest) -> ttrpc::Result<Empty> {
        // A pod's server lives as long as one of its containers.
        if self.containers().is_empty() {
            *self.is_shut_down.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.shut_down.notify_all();
        }
        Ok(Empty::new())
    }
}
