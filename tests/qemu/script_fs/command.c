// SPDX-License-Identifier: GPL-2.0
/*
 * The script's language: one command a line, its arguments words or key=value.
 * README.md describes all of them. Here are the commands that act or set a
 * switch; parse.c has those that add to a list.
 */
#include <linux/kernel.h>
#include <linux/log2.h>
#include <linux/pagemap.h>
#include <linux/string.h>
#include "script_fs.h"

static int script_cmd_release(struct script_file *file, char *args)
{
	struct script_bio how = { .action = SCRIPT_BIO_SUBMIT };
	int error;

	error = script_parse_bio(args, &how);
	if (error)
		return error;
	script_release_bios(file, &how);
	return 0;
}

static int script_cmd_end_io(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "keep")) {
			script->end_io = SCRIPT_END_IO_KEEP;
		} else if (!strcmp(key, "size")) {
			script->end_io = SCRIPT_END_IO_SIZE;
		} else if (!strcmp(key, "ret")) {
			script->end_io = SCRIPT_END_IO_VALUE;
			error = script_parse_int(value, &script->end_io_value);
		} else if (!strcmp(key, "grow")) {
			script->end_io_grows = true;
		} else if (!strcmp(key, "wait")) {
			script->end_io_waits = true;
		} else {
			error = -EINVAL;
		}
		if (error)
			return error;
	}
	return 0;
}

static int script_cmd_dio(struct script_file *file, char *args)
{
	struct script *script = &file->script;
	char *key, *value;
	int error = 0;
	u16 flag;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "done_before")) {
			error = script_parse_ulong(value, &script->done_before);
		} else if (!strcmp(key, "split")) {
			script->split = true;
		} else if (!strcmp(key, "nofault")) {
			script->nofault = true;
		} else if (!strcmp(key, "caller_comp")) {
			script->caller_comp = true;
		} else if (!strcmp(key, "bio_set")) {
			file->dio_ops.bio_set = &script_bio_set;
		} else {
			error = script_parse_name(key, script_dio_flags, &flag);
			if (!error)
				script->dio_flags |= flag;
		}
		if (error)
			return error;
	}
	return 0;
}

static int script_cmd_omit(struct script_file *file, char *args)
{
	char *key, *value;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "end"))
			file->ops.iomap_end = NULL;
		else if (!strcmp(key, "end_io"))
			file->dio_ops.end_io = NULL;
		else if (!strcmp(key, "submit_io"))
			file->dio_ops.submit_io = NULL;
		else if (!strcmp(key, "dio_ops"))
			file->no_dio_ops = true;
		else if (!strcmp(key, "get_folio"))
			file->folio_ops.get_folio = NULL;
		else if (!strcmp(key, "put_folio"))
			file->folio_ops.put_folio = NULL;
		else if (!strcmp(key, "iomap_valid"))
			file->folio_ops.iomap_valid = NULL;
		else if (!strcmp(key, "prepare_ioend"))
			file->writeback_ops.prepare_ioend = NULL;
		else if (!strcmp(key, "discard_folio"))
			file->writeback_ops.discard_folio = NULL;
		else
			return -EINVAL;
	}
	return 0;
}

/* Whether allocations for the page cache may wait for memory. */
static void script_set_reclaim(struct address_space *mapping, bool reclaim)
{
	gfp_t gfp = mapping_gfp_mask(mapping) & ~__GFP_DIRECT_RECLAIM;

	mapping_set_gfp_mask(mapping, reclaim ? gfp | __GFP_DIRECT_RECLAIM : gfp);
}

static int script_cmd_inode(struct script_file *file, char *args)
{
	struct inode *inode = file->inode;
	unsigned long number;
	char *key, *value;
	int error;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "sync")) {
			inode_set_flags(inode, S_SYNC, S_SYNC);
			continue;
		}
		if (!strcmp(key, "no_reclaim")) {
			script_set_reclaim(inode->i_mapping, false);
			continue;
		}
		error = script_parse_ulong(value, &number);
		if (error)
			return error;
		if (!strcmp(key, "size"))
			i_size_write(inode, number);
		else if (!strcmp(key, "block_size") && is_power_of_2(number) &&
			 number >= SECTOR_SIZE && number <= SZ_1G)
			inode->i_blkbits = ilog2(number);
		else
			return -EINVAL;
	}
	return 0;
}

static int script_cmd_error(struct script_file *file, char *args)
{
	char *key, *value;
	int error;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "fsync"))
			error = script_parse_int(value, &file->script.fsync_error);
		else if (!strcmp(key, "writeback"))
			error = script_parse_int(value, &file->script.writeback_error);
		else
			error = -EINVAL;
		if (error)
			return error;
	}
	return 0;
}

static int script_cmd_cache(struct script_file *file, char *args)
{
	unsigned long index = 0, blocks = 0;
	bool dirty = false, busy = false;
	char *key, *value;
	int error = 0;

	while ((key = script_word(&args, &value))) {
		if (!strcmp(key, "index"))
			error = script_parse_ulong(value, &index);
		else if (!strcmp(key, "blocks"))
			error = script_parse_ulong(value, &blocks);
		else if (!strcmp(key, "dirty"))
			dirty = true;
		else if (!strcmp(key, "busy"))
			busy = true;
		else
			error = -EINVAL;
		if (error)
			return error;
	}
	return script_cache_folio(file->inode, index, dirty, busy, blocks);
}

/* Everything back to an empty file without surprises; held bios fail. */
void script_reset(struct script_file *file)
{
	const struct script_bio fail = { .action = SCRIPT_BIO_COMPLETE, .error = -EIO };
	struct inode *inode = file->inode;
	unsigned long irq;

	script_open_gate(file);
	script_unlock_held(file);
	cancel_delayed_work_sync(&file->release);
	script_release_bios(file, &fail);
	inode_dio_wait(inode);

	script_finish_ioends(file, false, false, -EIO);
	truncate_inode_pages(inode->i_mapping, 0);
	script_buffered_reset(file);
	inode_set_flags(inode, 0, S_SYNC);
	script_set_reclaim(inode->i_mapping, true);
	inode->i_blkbits = inode->i_sb->s_blocksize_bits;
	i_size_write(inode, 0);
	memset(file->data, 0, PAGE_SIZE);

	spin_lock_irqsave(&file->lock, irq);
	memset(&file->script, 0, sizeof(file->script));
	file->no_dio_ops = false;
	file->folio_hooks = false;
	file->folio_ops = script_folio_ops;
	file->writeback_ops = script_writeback_ops;
	file->dio_ops = (struct iomap_dio_ops) {
		.end_io		= script_end_io,
		.submit_io	= script_submit_io,
	};
	file->ops = (struct iomap_ops) {
		.iomap_begin	= script_iomap_begin,
		.iomap_end	= script_iomap_end,
	};
	spin_unlock_irqrestore(&file->lock, irq);
}

static int script_cmd_reset(struct script_file *file, char *args)
{
	script_reset(file);
	return 0;
}

static const struct script_command {
	const char *name;
	int (*run)(struct script_file *file, char *args);
} script_commands[] = {
	{ "answer",	script_cmd_answer },
	{ "bio",	script_cmd_bio },
	{ "buffered",	script_cmd_buffered },
	{ "cache",	script_cmd_cache },
	{ "dio",	script_cmd_dio },
	{ "dirty",	script_cmd_dirty },
	{ "drop",	script_cmd_drop },
	{ "end",	script_cmd_end },
	{ "end_io",	script_cmd_end_io },
	{ "error",	script_cmd_error },
	{ "extent",	script_cmd_extent },
	{ "finish",	script_cmd_finish },
	{ "folio",	script_cmd_folio },
	{ "folios",	script_cmd_folios },
	{ "ftrace_enabled", script_cmd_ftrace_enabled },
	{ "gate",	script_cmd_gate },
	{ "get_folio",	script_cmd_get_folio },
	{ "go",		script_cmd_go },
	{ "inode",	script_cmd_inode },
	{ "invalidate",	script_cmd_invalidate },
	{ "lock",	script_cmd_lock },
	{ "map",	script_cmd_map },
	{ "omit",	script_cmd_omit },
	{ "prepare",	script_cmd_prepare },
	{ "punch",	script_cmd_punch },
	{ "read_folio",	script_cmd_read_folio },
	{ "readahead",	script_cmd_readahead },
	{ "release",	script_cmd_release },
	{ "reset",	script_cmd_reset },
	{ "truncate",	script_cmd_truncate },
	{ "truncate_page", script_cmd_truncate_page },
	{ "unlock",	script_cmd_unlock },
	{ "unshare",	script_cmd_unshare },
	{ "valid",	script_cmd_valid },
	{ "walk",	script_cmd_walk },
	{ "write_back",	script_cmd_write_back },
	{ "zero",	script_cmd_zero },
};

int script_run_command(struct script_file *file, char *line)
{
	char *name, *value;
	int error = -EINVAL;
	int i;

	name = script_word(&line, &value);
	if (!name)
		return 0;
	for (i = 0; i < ARRAY_SIZE(script_commands); i++) {
		if (strcmp(name, script_commands[i].name))
			continue;
		error = script_commands[i].run(file, line);
		break;
	}
	if (error)
		pr_err("script_fs: command '%s' failed: %d\n", name, error);
	return error;
}
