// SPDX-License-Identifier: GPL-2.0
/*
 * Writeback: the engine's hooks, answered by the script, and ioends that stay
 * with the filesystem when their bios have ended until a command finishes them.
 */
#include <linux/bio.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/writeback.h>
#include "script_fs.h"

static void script_log_map_blocks(struct script_file *file, const struct iomap *iomap,
				  loff_t pos, unsigned int len, int ret)
{
	struct folio *folio = filemap_get_folio(file->inode->i_mapping, pos >> PAGE_SHIFT);
	DECLARE_SEQ_BUF(line, 320);

	seq_buf_printf(&line, "map_blocks pos=%lld len=%u ret=%d", pos, len, ret);
	if (!ret)
		script_print_map(&line, iomap);
	if (!IS_ERR(folio)) {
		seq_buf_printf(&line, " locked=%d writeback=%d", folio_test_locked(folio),
			       folio_test_writeback(folio));
		folio_put(folio);
	}
	script_log_line(file->log, &line);
}

static int script_map_blocks(struct iomap_writepage_ctx *wpc, struct inode *inode, loff_t pos,
			     unsigned int len)
{
	struct script_answer answer = { .lookup = true };
	struct script_file *file = script_file(inode);
	struct script *script = &file->script;
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_map < script->nr_maps)
		answer = script->maps[script->next_map++];
	if (answer.lookup)
		script_lookup(script, pos, len, &answer.map);
	spin_unlock_irqrestore(&file->lock, irq);

	if (!answer.ret && !answer.keep) {
		wpc->iomap = (struct iomap) { };
		script_fill(file, &answer.map, &wpc->iomap);
	}
	script_log_map_blocks(file, &wpc->iomap, pos, len, answer.ret);
	return answer.ret;
}

static void script_end_bio(struct bio *bio)
{
	struct iomap_ioend *ioend = iomap_ioend_from_bio(bio);
	struct script_file *file = script_file(ioend->io_inode);
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	list_add_tail(&ioend->io_list, &file->ioends);
	file->ioends_open--;
	/* Under the lock: afterwards the file may be gone. */
	wake_up(&file->ioends_wait);
	spin_unlock_irqrestore(&file->lock, irq);
}

static int script_prepare_ioend(struct iomap_ioend *ioend, int error)
{
	struct script_file *file = script_file(ioend->io_inode);
	struct script_prepare prepare = { };
	struct script *script = &file->script;
	struct bio *bio = &ioend->io_bio;
	DECLARE_SEQ_BUF(line, 400);
	unsigned long irq;
	int ret;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_prepare < script->nr_prepares)
		prepare = script->prepares[script->next_prepare++];
	if (script->own_ioends)
		file->ioends_open++;
	spin_unlock_irqrestore(&file->lock, irq);

	if (script->own_ioends)
		bio->bi_end_io = script_end_bio;
	if (prepare.quiet)
		bio_set_flag(bio, BIO_QUIET);
	ret = prepare.value ? prepare.ret : error;

	seq_buf_printf(&line, "prepare_ioend error=%d ret=%d", error, ret);
	script_print_name(&line, "type", ioend->io_type, script_type_names);
	script_print_flags(&line, "mapflags", ioend->io_flags, script_map_flags);
	seq_buf_printf(&line, " offset=%lld size=%zu sector=%llu op=%s", ioend->io_offset,
		       ioend->io_size, ioend->io_sector,
		       bio_op(bio) == REQ_OP_WRITE ? "write" : "other");
	script_print_flags(&line, "flags", (__force unsigned long)bio->bi_opf,
			   script_bio_flags);
	seq_buf_printf(&line, " bytes=%u vecs=%u room=%u bdev=%d hint=%d blkg=%d alone=%d",
		       bio->bi_iter.bi_size, bio->bi_vcnt, bio->bi_max_vecs,
		       bio->bi_bdev == file->bdevs[1], bio->bi_write_hint, !!bio->bi_blkg,
		       list_empty(&ioend->io_list));
	script_log_line(file->log, &line);
	return ret;
}

static void script_discard_folio(struct folio *folio, loff_t pos)
{
	struct script_file *file = script_file(folio->mapping->host);

	script_log(file->log, "discard_folio index=%lu pos=%lld locked=%d writeback=%d",
		   folio->index, pos, folio_test_locked(folio), folio_test_writeback(folio));
}

const struct iomap_writeback_ops script_writeback_ops = {
	.discard_folio	= script_discard_folio,
	.map_blocks	= script_map_blocks,
	.prepare_ioend	= script_prepare_ioend,
};

int script_engine_writepages(struct address_space *mapping, struct writeback_control *wbc)
{
	struct script_file *file = script_file(mapping->host);
	struct iomap_writepage_ctx wpc = { };
	int ret;

	script_log(file->log, "writepages start=%lld end=%lld sync=%d", wbc->range_start,
		   wbc->range_end, wbc->sync_mode == WB_SYNC_ALL);
	ret = iomap_writepages(mapping, wbc, &wpc, &file->writeback_ops);
	script_log(file->log, "writepages_return ret=%d ioend=%d", ret, !!wpc.ioend);
	return ret;
}

static void script_log_ioend(struct script_file *file, const char *what,
			     const struct iomap_ioend *ioend, int error)
{
	DECLARE_SEQ_BUF(line, 256);

	seq_buf_printf(&line, "%s offset=%lld size=%zu sector=%llu error=%d", what,
		       ioend->io_offset, ioend->io_size, ioend->io_sector, error);
	script_print_name(&line, "type", ioend->io_type, script_type_names);
	seq_buf_printf(&line, " merged=%zu", list_count_nodes((struct list_head *)&ioend->io_list));
	script_log_line(file->log, &line);
}

/*
 * Wait until all ioends that the filesystem took have ended, then have the engine
 * finish them. error, if not 0, stands for what their bios say.
 */
void script_finish_ioends(struct script_file *file, bool sort, bool merge, int error)
{
	struct iomap_ioend *ioend;
	LIST_HEAD(list);
	int result;

	wait_event(file->ioends_wait, !READ_ONCE(file->ioends_open));
	spin_lock_irq(&file->lock);
	list_splice_init(&file->ioends, &list);
	spin_unlock_irq(&file->lock);

	if (sort)
		iomap_sort_ioends(&list);
	while ((ioend = list_first_entry_or_null(&list, struct iomap_ioend, io_list))) {
		list_del_init(&ioend->io_list);
		if (merge)
			iomap_ioend_try_merge(ioend, &list);
		result = error ?: blk_status_to_errno(ioend->io_bio.bi_status);
		script_log_ioend(file, "finish", ioend, result);
		iomap_finish_ioends(ioend, result);
	}
}

int script_cmd_finish(struct script_file *file, char *args)
{
	bool sort = false, merge = false;
	u64 error = 0;
	const struct script_arg list[] = {
		{ .key = "sort", .flag = &sort },
		{ .key = "merge", .flag = &merge },
		{ .key = "errno", .number = &error },
	};
	int ret;

	ret = script_parse_args(args, list, ARRAY_SIZE(list));
	if (ret)
		return ret;
	script_finish_ioends(file, sort, merge, -(int)error);
	return 0;
}

/* write_back [sync] [background] [kupdate] [reclaim] [cgroup] [start=] [end=] [nr=] */
int script_cmd_write_back(struct script_file *file, char *args)
{
	struct address_space *mapping = file->inode->i_mapping;
	bool sync = false, background = false, kupdate = false, reclaim = false, cgroup = false;
	u64 start = 0, end = LLONG_MAX, nr = LONG_MAX;
	const struct script_arg list[] = {
		{ .key = "sync", .flag = &sync },
		{ .key = "background", .flag = &background },
		{ .key = "kupdate", .flag = &kupdate },
		{ .key = "reclaim", .flag = &reclaim },
		{ .key = "cgroup", .flag = &cgroup },
		{ .key = "start", .number = &start },
		{ .key = "end", .number = &end },
		{ .key = "nr", .number = &nr },
	};
	struct writeback_control wbc = { };
	unsigned int flags = 0;
	size_t accounted = 0;
	int ret;

	ret = script_parse_args(args, list, ARRAY_SIZE(list));
	if (ret)
		return ret;
	wbc.sync_mode = sync ? WB_SYNC_ALL : WB_SYNC_NONE;
	wbc.for_background = background;
	wbc.for_kupdate = kupdate;
	wbc.range_start = start;
	wbc.range_end = end;
	wbc.nr_to_write = nr;

	if (cgroup)
		wbc_attach_fdatawrite_inode(&wbc, file->inode);
	if (reclaim)
		flags = memalloc_noreclaim_save();
	ret = mapping->a_ops->writepages(mapping, &wbc);
	if (reclaim)
		memalloc_noreclaim_restore(flags);
#ifdef CONFIG_CGROUP_WRITEBACK
	accounted = wbc.wb_bytes;
#endif
	if (cgroup)
		wbc_detach_inode(&wbc);
	/* For ioends to be collected in the order of these commands. */
	wait_event(file->ioends_wait, !READ_ONCE(file->ioends_open));
	script_log(file->log, "write_back ret=%d accounted=%zu left=%ld", ret, accounted,
		   wbc.nr_to_write);
	return 0;
}
