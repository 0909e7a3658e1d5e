// SPDX-License-Identifier: GPL-2.0

//! Running before all tasks of the usual kind.

use std::io;

/// Has the calling thread keep the processor until it waits (`SCHED_FIFO`).
pub fn run_first() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: the kernel reads the parameters; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
