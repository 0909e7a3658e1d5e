// SPDX-License-Identifier: GPL-2.0
/*
 * Commands that use what the kernel keeps from modules. The test knows the address
 * from /proc/kallsyms; it has to be that of the symbol which is meant.
 */
#include <linux/kallsyms.h>
#include <linux/string.h>
#include "script_fs.h"

static bool script_is_symbol(u64 address, const char *name)
{
	char found[KSYM_SYMBOL_LEN];
	size_t length;

	sprint_symbol(found, address);
	length = str_has_prefix(found, name);
	return length && str_has_prefix(found + length, "+0x0/");
}

typedef int (*script_iter_t)(struct iomap_iter *iter, const struct iomap_ops *ops);

/*
 * A walk like those of fs/dax.c, which has the loop in a function of its own: between
 * two calls no function of the engine is on the stack.
 */
static void script_walk(struct script_file *file, script_iter_t next, u64 pos, u64 len, u64 step)
{
	struct iomap_iter iter = {
		.inode	= file->inode,
		.pos	= pos,
		.len	= len,
		.flags	= IOMAP_REPORT,
	};
	DECLARE_SEQ_BUF(line, 256);
	int ret;

	while ((ret = next(&iter, &file->ops)) > 0) {
		seq_buf_clear(&line);
		seq_buf_printf(&line, "walk pos=%lld left=%llu", iter.pos, iter.len);
		script_print_map(&line, &iter.iomap);
		script_log_line(file->log, &line);
		script_wait_at_gate(file);
		iter.processed = min(step, iomap_length(&iter));
	}
	script_log(file->log, "walk_return ret=%d pos=%lld left=%llu", ret, iter.pos, iter.len);
}

int script_cmd_walk(struct script_file *file, char *args)
{
	u64 at = 0, pos = 0, len = 0, step = 0;
	const struct script_arg list[] = {
		{ .key = "at", .number = &at },
		{ .key = "pos", .number = &pos },
		{ .key = "len", .number = &len },
		{ .key = "step", .number = &step },
	};
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	if (!step || !script_is_symbol(at, "iomap_iter"))
		return -EINVAL;
	/* For "go" to come through. */
	mutex_unlock(&file->control);
	script_walk(file, (script_iter_t)(unsigned long)at, pos, len, step);
	mutex_lock(&file->control);
	return 0;
}

int script_cmd_ftrace_enabled(struct script_file *file, char *args)
{
	u64 at = 0, value = 0;
	const struct script_arg list[] = {
		{ .key = "at", .number = &at },
		{ .key = "value", .number = &value },
	};
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	if (!script_is_symbol(at, "ftrace_enabled"))
		return -EINVAL;
	WRITE_ONCE(*(int *)(unsigned long)at, value);
	return 0;
}
