// SPDX-License-Identifier: GPL-2.0
/*
 * Superblocks: their device, who may write, and what is logged. See helpers.h.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/panic.h>
#include <linux/printk.h>
#include <linux/statfs.h>

#include "helpers.h"

u64 fs_rs_bdev_bytes(struct super_block *sb)
{
	return bdev_nr_bytes(sb->s_bdev);
}

u64 fs_rs_uuid_fsid(const u8 *uuid)
{
	__kernel_fsid_t fsid = uuid_to_fsid((__u8 *)uuid);

	return (u32)fsid.val[0] | (u64)(u32)fsid.val[1] << 32;
}

bool fs_rs_has_unlinked(struct super_block *sb)
{
	return atomic_long_read(&sb->s_remove_count) != 0;
}

void fs_rs_start_pagefault(struct super_block *sb)
{
	sb_start_pagefault(sb);
}

void fs_rs_end_pagefault(struct super_block *sb)
{
	sb_end_pagefault(sb);
}

void fs_rs_start_intwrite(struct super_block *sb)
{
	sb_start_intwrite(sb);
}

void fs_rs_end_intwrite(struct super_block *sb)
{
	sb_end_intwrite(sb);
}

void fs_rs_log(struct super_block *sb, const char *fs, int level,
	       const char *message, size_t length)
{
	int printed = min_t(size_t, length, INT_MAX);

	switch (level) {
	case 2:
		pr_crit("%s (%s): error: %.*s\n", fs, sb->s_id, printed, message);
		break;
	case 1:
		pr_warn("%s (%s): %.*s\n", fs, sb->s_id, printed, message);
		break;
	default:
		pr_info("%s (%s): %.*s\n", fs, sb->s_id, printed, message);
	}
}

void fs_rs_panic(struct super_block *sb, const char *fs)
{
	panic("%s (%s): panic forced after error\n", fs, sb->s_id);
}
