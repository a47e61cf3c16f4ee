//! A file system mounted for a test.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Unmounts when it goes, and when the process goes, by whatever end.
pub(crate) struct Mount(Child);

impl Mount {
    /// Runs `mount` with these arguments and the directory.
    ///
    /// # Errors
    ///
    /// What `mount` says.
    pub(crate) fn new<S: AsRef<OsStr>>(arguments: &[S], at: &Path) -> io::Result<Self> {
        // Its input ends with this process, and what ends a group does not end it.
        let mut keeper = Command::new("sh");
        keeper.args(["-c", "trap '' HUP INT TERM; read -r _; umount -l \"$0\""]).arg(at);
        keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut keeper, 0);
        let kept = Self(keeper.spawn()?);
        let done = Command::new("mount").args(arguments).arg(at).output()?;
        match done.status.success() {
            true => Ok(kept),
            false => Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned())),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Closes its input first.
        let _ = self.0.wait();
    }
}
