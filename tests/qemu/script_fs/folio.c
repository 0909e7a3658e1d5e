// SPDX-License-Identifier: GPL-2.0
/*
 * Folios: the engine's hooks around a write into one, and commands that look at
 * one or do to it what memory management would.
 */
#include <linux/buffer_head.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include "script_fs.h"

/* Blocks of the largest folio: a huge page's, of the least block size. */
#define SCRIPT_BLOCKS	(SZ_2M >> SECTOR_SHIFT)

/*
 * What the engine keeps of a folio of several blocks. Not part of its interface;
 * the layout is fixed all the same, so that one engine can take folios over from
 * another.
 */
struct script_folio_state {
	spinlock_t lock;	/* of all but writing */
	unsigned int reading;	/* bytes */
	atomic_t writing;	/* bytes, and one while they are submitted */
	unsigned long bits[];	/* uptodate blocks, then dirty ones */
};

/* The task says so in the log, then stays until the command "go". */
void script_wait_at_gate(struct script_file *file)
{
	WRITE_ONCE(file->gate_closed, true);
	script_log(file->log, "gate");
	wait_event(file->gate, !READ_ONCE(file->gate_closed));
}

void script_open_gate(struct script_file *file)
{
	file->gated_mkwrites = 0;
	WRITE_ONCE(file->gate_closed, false);
	wake_up_all(&file->gate);
}

int script_cmd_go(struct script_file *file, char *args)
{
	WRITE_ONCE(file->gate_closed, false);
	wake_up_all(&file->gate);
	return 0;
}

int script_cmd_gate(struct script_file *file, char *args)
{
	u64 mkwrites = 0;
	const struct script_arg list[] = { { .key = "mkwrite", .number = &mkwrites } };
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (!error)
		file->gated_mkwrites = mkwrites;
	return error;
}

static struct folio *script_get_folio(struct iomap_iter *iter, loff_t pos, unsigned int len)
{
	struct script_file *file = script_file(iter->inode);
	struct script *script = &file->script;
	struct script_get get = { };
	struct folio *folio;
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_get < script->nr_gets)
		get = script->gets[script->next_get++];
	spin_unlock_irqrestore(&file->lock, irq);

	if (get.ret)
		folio = ERR_PTR(get.ret);
	else if (get.null)
		folio = NULL;
	else
		folio = iomap_get_folio(iter, pos, len);

	if (IS_ERR_OR_NULL(folio))
		script_log(file->log, "get_folio pos=%lld len=%u ret=%ld", pos, len,
			   PTR_ERR(folio));
	else
		script_log(file->log, "get_folio pos=%lld len=%u ret=0 index=%lu size=%zu", pos,
			   len, folio->index, folio_size(folio));
	if (get.shrink)
		iter->iomap.length = 1;
	if (get.wait)
		script_wait_at_gate(file);
	return folio;
}

static void script_put_folio(struct inode *inode, loff_t pos, unsigned int copied,
			     struct folio *folio)
{
	struct script_file *file = script_file(inode);

	script_log(file->log, "put_folio pos=%lld copied=%u locked=%d isize=%lld", pos, copied,
		   folio_test_locked(folio), i_size_read(inode));
	folio_unlock(folio);
	folio_put(folio);
}

static bool script_iomap_valid(struct inode *inode, const struct iomap *iomap)
{
	struct script_file *file = script_file(inode);
	struct script *script = &file->script;
	struct script_valid *valid;
	unsigned long irq;
	bool ret = true;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_valid < script->nr_valids) {
		valid = &script->valids[script->next_valid];
		ret = !valid->no;
		if (valid->times <= 1)
			script->next_valid++;
		else if (valid->times != U32_MAX)
			valid->times--;
	}
	spin_unlock_irqrestore(&file->lock, irq);

	script_log(file->log, "iomap_valid cookie=%d offset=%lld length=%llu ret=%d",
		   iomap->validity_cookie == SCRIPT_COOKIE, iomap->offset, iomap->length, ret);
	return ret;
}

const struct iomap_folio_ops script_folio_ops = {
	.get_folio	= script_get_folio,
	.iomap_valid	= script_iomap_valid,
	.put_folio	= script_put_folio,
};

/* The folio that has the page of that index; locked and referenced. */
static struct folio *script_lock_folio(struct script_file *file, char *args)
{
	u64 index = 0;
	const struct script_arg list[] = { { .key = "index", .number = &index } };
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return ERR_PTR(error);
	return filemap_lock_folio(file->inode->i_mapping, index);
}

static void script_unlock_folio(struct folio *folio)
{
	folio_unlock(folio);
	folio_put(folio);
}

/* Locked until "unlock", as by whoever else works on the folio. */
int script_cmd_lock(struct script_file *file, char *args)
{
	struct folio *folio;

	if (file->locked)
		return -EBUSY;
	folio = script_lock_folio(file, args);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	file->locked = folio;
	return 0;
}

void script_unlock_held(struct script_file *file)
{
	if (file->locked)
		script_unlock_folio(file->locked);
	file->locked = NULL;
}

int script_cmd_unlock(struct script_file *file, char *args)
{
	script_unlock_held(file);
	return 0;
}

static void script_print_state(struct seq_buf *line, struct folio *folio)
{
	const struct script_folio_state *state = folio_get_private(folio);
	unsigned int blocks = i_blocks_per_folio(folio->mapping->host, folio);
	DECLARE_BITMAP(dirty, SCRIPT_BLOCKS);

	if (folio->mapping->a_ops != &script_engine_aops || !state) {
		seq_buf_printf(line, " state=%s", state ? "other" : "none");
		return;
	}
	bitmap_shift_right(dirty, state->bits, blocks, 2 * blocks);
	seq_buf_printf(line, " state=blocks uptodate_blocks=%*pbl dirty_blocks=%*pbl", blocks,
		       state->bits, blocks, dirty);
	seq_buf_printf(line, " reading=%u writing=%d", state->reading,
		       atomic_read(&state->writing));
}

/* Without the lock: the folio may be locked for good, which is to be seen. */
int script_cmd_folio(struct script_file *file, char *args)
{
	u64 index = 0;
	const struct script_arg list[] = { { .key = "index", .number = &index } };
	DECLARE_SEQ_BUF(line, 320);
	struct folio *folio;
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	folio = filemap_get_folio(file->inode->i_mapping, index);
	if (IS_ERR(folio)) {
		script_log(file->log, "folio index=%llu missing=1", index);
		return 0;
	}
	seq_buf_printf(&line, "folio index=%lu size=%zu", folio->index, folio_size(folio));
	seq_buf_printf(&line, " uptodate=%d dirty=%d writeback=%d locked=%d referenced=%d",
		       folio_test_uptodate(folio), folio_test_dirty(folio),
		       folio_test_writeback(folio), folio_test_locked(folio),
		       folio_test_referenced(folio));
	script_print_state(&line, folio);
	script_log_line(file->log, &line);
	folio_put(folio);
	return 0;
}

/* How many folios there are, and how many in a state that has to pass. */
int script_cmd_folios(struct script_file *file, char *args)
{
	unsigned int count = 0, locked = 0, dirty = 0, writeback = 0;
	struct folio_batch batch;
	pgoff_t index = 0;
	unsigned int i;

	folio_batch_init(&batch);
	while (filemap_get_folios(file->inode->i_mapping, &index, ULONG_MAX, &batch)) {
		for (i = 0; i < folio_batch_count(&batch); i++) {
			struct folio *folio = batch.folios[i];

			count++;
			locked += folio_test_locked(folio);
			dirty += folio_test_dirty(folio);
			writeback += folio_test_writeback(folio);
		}
		folio_batch_release(&batch);
	}
	script_log(file->log, "folios count=%u locked=%u dirty=%u writeback=%u open=%u", count,
		   locked, dirty, writeback, READ_ONCE(file->ioends_open));
	return 0;
}

int script_cmd_dirty(struct script_file *file, char *args)
{
	struct folio *folio = script_lock_folio(file, args);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_mark_dirty(folio);
	script_unlock_folio(folio);
	return 0;
}

/* As reclaim does, but the folio stays in the page cache. */
int script_cmd_drop(struct script_file *file, char *args)
{
	struct folio *folio = script_lock_folio(file, args);
	bool released;

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_wait_writeback(folio);
	released = filemap_release_folio(folio, GFP_KERNEL);
	script_log(file->log, "drop index=%lu ret=%d", folio->index, released);
	script_unlock_folio(folio);
	return 0;
}

int script_cmd_invalidate(struct script_file *file, char *args)
{
	u64 index = 0, offset = 0, len = PAGE_SIZE;
	const struct script_arg list[] = {
		{ .key = "index", .number = &index },
		{ .key = "offset", .number = &offset },
		{ .key = "len", .number = &len },
	};
	struct folio *folio;
	int error;

	error = script_parse_args(args, list, ARRAY_SIZE(list));
	if (error)
		return error;
	folio = filemap_lock_folio(file->inode->i_mapping, index);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	folio_wait_writeback(folio);
	folio_invalidate(folio, offset, len);
	script_unlock_folio(folio);
	return 0;
}
