// SPDX-License-Identifier: GPL-2.0
/*
 * Open files, and what they are read and written by. See helpers.h.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/sched/signal.h>
#include <linux/uio.h>

#include "helpers.h"

void fs_rs_file_accessed(struct file *file)
{
	file_accessed(file);
}

int fs_rs_want_write_file(struct file *file)
{
	return mnt_want_write_file(file);
}

void fs_rs_drop_write_file(struct file *file)
{
	mnt_drop_write_file(file);
}

int fs_rs_finish_open_simple(struct file *file, int error)
{
	return finish_open_simple(file, error);
}

bool fs_rs_dir_emit(struct dir_context *ctx, const char *name, int length,
		    u64 ino, unsigned int type)
{
	return dir_emit(ctx, name, length, ino, type);
}

unsigned int fs_rs_iov_iter_alignment(const struct iov_iter *iter)
{
	return iov_iter_alignment(iter);
}

vm_fault_t fs_rs_fault_error(int error)
{
	return vmf_fs_error(error);
}

/*
 * Has the fault begin anew, for somebody is in the way. Not at once, as that one may
 * need the processor; and not in a task that is being killed: a fault within a system
 * call, as of clear_user(), looks for signals only if it fails.
 */
vm_fault_t fs_rs_fault_again(void)
{
	if (fatal_signal_pending(current))
		return VM_FAULT_SIGBUS;
	schedule_timeout_killable(1);
	return VM_FAULT_NOPAGE;
}
