// SPDX-License-Identifier: GPL-2.0
/*
 * iomap_begin and iomap_end: hand out what the script says and log what the
 * engine asked for. Nothing is checked or repaired on the way, a wrong answer
 * is there to be wrong.
 */
#include <linux/spinlock.h>
#include "script_fs.h"

/* Field by field: padding may hold anything. */
static bool script_map_is_zero(const struct iomap *map)
{
	return !map->addr && !map->offset && !map->length && !map->type && !map->flags &&
	       !map->bdev && !map->dax_dev && !map->inline_data && !map->private &&
	       !map->folio_ops && !map->validity_cookie;
}

/*
 * Filesystems reach from the mapping to the iterator around it, so it has to
 * be a real one and has to say the same as the arguments.
 */
static bool script_iter_matches(const struct iomap_iter *iter, const struct inode *inode,
				loff_t pos, loff_t length, unsigned int flags)
{
	return iter->inode == inode && iter->pos == pos && iter->len == length &&
	       iter->flags == flags && !iter->processed;
}

static bool script_private_matches(const struct iomap_iter *iter,
				   const struct script_file *file)
{
	const struct script_call *call = iter->private;

	return call && call->file == file;
}

/* The extent around pos, or the hole up to the next one. */
void script_lookup(const struct script *script, loff_t pos, loff_t length,
		   struct script_map *map)
{
	loff_t hole_end = pos + length;
	unsigned int i;

	for (i = 0; i < script->nr_extents; i++) {
		const struct script_map *extent = &script->extents[i];

		if (pos >= extent->offset && pos - extent->offset < extent->length) {
			*map = *extent;
			return;
		}
		if (extent->offset > pos && extent->offset < hole_end)
			hole_end = extent->offset;
	}

	*map = (struct script_map) {
		.addr	= IOMAP_NULL_ADDR,
		.offset	= pos,
		.length	= hole_end - pos,
		.type	= IOMAP_HOLE,
	};
}

void script_fill(const struct script_file *file, const struct script_map *map,
		 struct iomap *iomap)
{
	iomap->addr = map->addr;
	iomap->offset = map->offset;
	iomap->length = map->length;
	iomap->type = map->type;
	/* OR, as several filesystems do: leftovers would come to light. */
	iomap->flags |= map->flags;
	iomap->bdev = file->bdevs[map->bdev];
	if (map->type == IOMAP_INLINE && !map->no_data)
		iomap->inline_data = file->data + map->data_offset;
	if (file->folio_hooks) {
		iomap->folio_ops = &file->folio_ops;
		iomap->validity_cookie = SCRIPT_COOKIE;
	}
}

void script_print_map(struct seq_buf *line, const struct iomap *iomap)
{
	script_print_name(line, "type", iomap->type, script_type_names);
	script_print_flags(line, "mapflags", iomap->flags, script_map_flags);
	seq_buf_printf(line, " offset=%lld length=%llu addr=%lld", iomap->offset,
		       iomap->length, (s64)iomap->addr);
}

static struct script_answer script_next_answer(struct script_file *file, loff_t pos,
					       loff_t length)
{
	struct script_answer answer = { .lookup = true };
	struct script *script = &file->script;
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_answer < script->nr_answers)
		answer = script->answers[script->next_answer++];
	if (answer.lookup)
		script_lookup(script, pos, length, &answer.map);
	spin_unlock_irqrestore(&file->lock, irq);
	return answer;
}

int script_iomap_begin(struct inode *inode, loff_t pos, loff_t length, unsigned int flags,
		       struct iomap *iomap, struct iomap *srcmap)
{
	struct iomap_iter *iter = container_of(iomap, struct iomap_iter, iomap);
	struct script_file *file = script_file(inode);
	struct script_answer answer;
	DECLARE_SEQ_BUF(line, 320);

	answer = script_next_answer(file, pos, length);

	seq_buf_printf(&line, "begin pos=%lld len=%lld", pos, length);
	script_print_flags(&line, "flags", flags, script_op_flags);
	seq_buf_printf(&line, " zeroed=%d iter=%d private=%d ret=%d",
		       script_map_is_zero(iomap) && script_map_is_zero(srcmap),
		       srcmap == &iter->srcmap &&
		       script_iter_matches(iter, inode, pos, length, flags),
		       script_private_matches(iter, file), answer.ret);

	if (answer.ret >= 0) {
		script_fill(file, &answer.map, iomap);
		if (answer.src.type != IOMAP_HOLE)
			script_fill(file, &answer.src, srcmap);
		script_print_map(&line, iomap);
	}
	script_log_line(file->log, &line);
	script_rob_readahead(file);
	return answer.ret;
}

int script_iomap_end(struct inode *inode, loff_t pos, loff_t length, ssize_t written,
		     unsigned int flags, struct iomap *iomap)
{
	struct script_file *file = script_file(inode);
	struct script *script = &file->script;
	struct script_end end = { };
	DECLARE_SEQ_BUF(line, 256);
	unsigned long irq;
	int ret;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_end < script->nr_ends)
		end = script->ends[script->next_end++];
	spin_unlock_irqrestore(&file->lock, irq);
	ret = end.written ? written : end.ret;

	seq_buf_printf(&line, "end pos=%lld len=%lld written=%zd", pos, length, written);
	script_print_flags(&line, "flags", flags, script_op_flags);
	script_print_name(&line, "type", iomap->type, script_type_names);
	script_print_flags(&line, "mapflags", iomap->flags, script_map_flags);
	seq_buf_printf(&line, " ret=%d", ret);
	script_log_line(file->log, &line);

	if (end.release && written < length)
		script_release_delalloc(file, pos + max_t(ssize_t, written, 0), pos + length,
					flags, iomap);
	if (end.stale)
		iomap->flags |= IOMAP_F_STALE;
	if (end.length)
		iomap->length = end.length;
	return ret;
}
