//! A server as a child process, in a process group of its own, gone when it is dropped.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::Error;

/// How long a server may take to start. On a busy computer the slowest takes some seconds.
const START: Duration = Duration::from_secs(60);

/// A running server. Its output goes to a file, which an error quotes.
#[derive(Debug)]
pub struct Server {
    name: String,
    child: Child,
    home: TempDir,
    started: Instant,
}

impl Server {
    /// Starts `command`, in an environment of `PATH` and the command's own additions, and waits
    /// until `is_ready`. A server passes its environment to functions, which must not depend on the
    /// caller's.
    pub fn start(name: &str, mut command: Command, is_ready: impl Fn() -> bool) -> Result<Self, Error> {
        let home = TempDir::new()?;
        let output = File::create(home.path().join("output"))?;
        let added: Vec<_> =
            command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .envs(added)
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        let started = Instant::now();
        let child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        let mut server = Self { name: name.to_owned(), child, home, started };
        server.wait_until(is_ready)?;
        Ok(server)
    }

    fn wait_until(&mut self, is_ready: impl Fn() -> bool) -> Result<(), Error> {
        let until = Instant::now() + START;
        while !is_ready() {
            let ended = self.child.try_wait()?.is_some();
            if ended || Instant::now() >= until {
                let how = if ended { "ended at once" } else { "is not ready in time" };
                return Err(format!("{} {how}: {}", self.name, self.output()).into());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// When its process was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The server's output so far.
    #[must_use]
    pub fn output(&self) -> String {
        let output = std::fs::read(self.home.path().join("output")).unwrap_or_default();
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Server {
    /// Ends the whole group: an emulator's functions outlive it otherwise.
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // An error says that the group is gone already.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// A port that is free now.
pub fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Waits until `poll` finds something, for `seconds` at most. This is how a test waits for another
/// process: by what has happened, with a bound.
pub fn wait_for<T>(what: &str, seconds: u64, poll: impl FnMut() -> Option<T>) -> Result<T, Error> {
    wait_for_meanwhile(what, seconds, poll, || {})
}

/// The same, with an action between two polls.
pub fn wait_for_meanwhile<T>(
    what: &str,
    seconds: u64,
    mut poll: impl FnMut() -> Option<T>,
    mut meanwhile: impl FnMut(),
) -> Result<T, Error> {
    let until = Instant::now() + Duration::from_secs(seconds);
    loop {
        if let Some(found) = poll() {
            return Ok(found);
        }
        if Instant::now() >= until {
            return Err(format!("waited {seconds} s in vain for {what}").into());
        }
        meanwhile();
        thread::sleep(Duration::from_millis(50));
    }
}
