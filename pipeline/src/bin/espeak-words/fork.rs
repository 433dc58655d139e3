//! Work in a copy of this process, so that nothing of it is left here.

use std::io;

/// Does `work` in a fork and waits for its end.
///
/// # Errors
///
/// There is no fork, or it died: what it wrote may be half of a line, and nobody can go on behind it.
pub fn in_a_child(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: this process has one thread, so its copy is whole; espeak-ng starts none when it works
    // synchronously.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            die_with_the_parent();
            let status = i32::from(work().is_err());
            // SAFETY: ends the copy at once, without what the original has to tidy up.
            unsafe { libc::_exit(status) }
        }
        child => wait(child),
    }
}

fn die_with_the_parent() {
    // SAFETY: one system call on this process alone.
    #[cfg(target_os = "linux")]
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

fn wait(child: libc::pid_t) -> io::Result<()> {
    let mut status = 0;
    // SAFETY: the child is ours, and `status` outlives the call.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    if status == 0 {
        return Ok(());
    }
    Err(io::Error::other(format!("the speaking process ended with status {status}")))
}
