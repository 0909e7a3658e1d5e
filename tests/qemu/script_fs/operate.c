// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that run an operation of the engine which no system call of this
 * filesystem leads to, under the locks that a filesystem would hold.
 */
#include <linux/fs.h>
#include <linux/pagemap.h>
#include "script_fs.h"

static void script_punch(struct inode *inode, loff_t pos, loff_t len, struct iomap *iomap)
{
	script_log(script_file(inode)->log, "punch pos=%lld len=%lld mapped=%d", pos, len,
		   !!iomap);
}

/* Of iomap_end, or of a command without a mapping. */
void script_release_delalloc(struct script_file *file, loff_t start, loff_t end,
			     unsigned int flags, struct iomap *iomap)
{
	struct inode *inode = file->inode;

	filemap_invalidate_lock(inode->i_mapping);
	iomap_write_delalloc_release(inode, start, end, flags, iomap, script_punch);
	filemap_invalidate_unlock(inode->i_mapping);
}

int script_cmd_punch(struct script_file *file, char *args)
{
	u64 pos = 0, len = 0;
	const struct script_arg list[] = {
		{ .key = "pos", .number = &pos },
		{ .key = "len", .number = &len },
	};
	struct iomap iomap = { };
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	script_release_delalloc(file, pos, pos + len, IOMAP_WRITE, &iomap);
	return 0;
}

static void script_lock_all(struct script_file *file)
{
	inode_lock(file->inode);
	filemap_invalidate_lock(file->inode->i_mapping);
}

static void script_unlock_all(struct script_file *file)
{
	filemap_invalidate_unlock(file->inode->i_mapping);
	inode_unlock(file->inode);
}

int script_cmd_zero(struct script_file *file, char *args)
{
	u64 pos = 0, len = 0;
	bool did_zero = false, unasked = false;
	const struct script_arg list[] = {
		{ .key = "pos", .number = &pos },
		{ .key = "len", .number = &len },
		{ .key = "unasked", .flag = &unasked },
	};
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	script_lock_all(file);
	error = iomap_zero_range(file->inode, pos, len, unasked ? NULL : &did_zero, &file->ops);
	script_unlock_all(file);
	script_log(file->log, "zero ret=%d did_zero=%d isize=%lld", error, did_zero,
		   i_size_read(file->inode));
	return 0;
}

int script_cmd_truncate_page(struct script_file *file, char *args)
{
	u64 pos = 0;
	bool did_zero = false;
	const struct script_arg list[] = { { .key = "pos", .number = &pos } };
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	script_lock_all(file);
	error = iomap_truncate_page(file->inode, pos, &did_zero, &file->ops);
	script_unlock_all(file);
	script_log(file->log, "truncate_page ret=%d did_zero=%d", error, did_zero);
	return 0;
}

int script_cmd_unshare(struct script_file *file, char *args)
{
	u64 pos = 0, len = 0;
	const struct script_arg list[] = {
		{ .key = "pos", .number = &pos },
		{ .key = "len", .number = &len },
	};
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	script_lock_all(file);
	error = iomap_file_unshare(file->inode, pos, len, &file->ops);
	script_unlock_all(file);
	script_log(file->log, "unshare ret=%d", error);
	return 0;
}

int script_cmd_truncate(struct script_file *file, char *args)
{
	u64 size = 0;
	const struct script_arg list[] = { { .key = "size", .number = &size } };
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	script_lock_all(file);
	truncate_setsize(file->inode, size);
	script_unlock_all(file);
	return 0;
}
