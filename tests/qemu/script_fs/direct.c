// SPDX-License-Identifier: GPL-2.0
/*
 * Direct I/O: read_iter and write_iter with the flags that the script wants,
 * and the engine's direct I/O hooks.
 */
#include <linux/sched.h>
#include <linux/uio.h>
#include "script_fs.h"

/* Handed to the engine where the script says "dio bio_set". */
struct bio_set script_bio_set;

void script_log_return(struct script_file *file, const char *call, ssize_t ret,
		       struct kiocb *iocb, struct iov_iter *iter)
{
	/* A queued request may be complete and its kiocb gone. */
	if (ret == -EIOCBQUEUED)
		script_log(file->log, "%s ret=queued", call);
	else
		script_log(file->log, "%s ret=%zd pos=%lld left=%zu isize=%lld dio_count=%d",
			   call, ret, iocb->ki_pos, iov_iter_count(iter),
			   i_size_read(file->inode), atomic_read(&file->inode->i_dio_count));
}

/* As btrfs and f2fs do it: the completion is a step of the caller. */
static ssize_t script_dio_split(struct script_call *call, struct iov_iter *iter,
				const struct iomap_dio_ops *dio_ops)
{
	struct script_file *file = call->file;
	const struct script *script = &file->script;
	struct iomap_dio *dio;

	dio = __iomap_dio_rw(call->iocb, iter, &file->ops, dio_ops, script->dio_flags, call,
			     script->done_before);
	if (IS_ERR_OR_NULL(dio)) {
		script_log(file->log, "dio ptr=%s", dio ? "error" : "null");
		return PTR_ERR_OR_ZERO(dio);
	}
	script_log(file->log, "dio ptr=valid left=%zu dio_count=%d", iov_iter_count(iter),
		   atomic_read(&file->inode->i_dio_count));
	return iomap_dio_complete(dio);
}

static ssize_t script_dio(struct kiocb *iocb, struct iov_iter *iter, const char *name)
{
	struct script_file *file = script_file(file_inode(iocb->ki_filp));
	const struct script *script = &file->script;
	const struct iomap_dio_ops *dio_ops = file->no_dio_ops ? NULL : &file->dio_ops;
	struct script_call call = { .file = file, .iocb = iocb };
	ssize_t ret;

	if (script->caller_comp && !is_sync_kiocb(iocb))
		iocb->ki_flags |= IOCB_DIO_CALLER_COMP;
	iter->nofault = script->nofault;

	script_log(file->log, "%s pos=%lld count=%zu sync=%d", name, iocb->ki_pos,
		   iov_iter_count(iter), is_sync_kiocb(iocb));
	if (script->split)
		ret = script_dio_split(&call, iter, dio_ops);
	else
		ret = iomap_dio_rw(iocb, iter, &file->ops, dio_ops, script->dio_flags, &call,
				   script->done_before);
	script_log_return(file, "return", ret, iocb, iter);

	if (ret != -EIOCBQUEUED)
		iter->nofault = false;
	return ret;
}

int script_lock(struct kiocb *iocb, struct inode *inode, bool write)
{
	if (iocb->ki_flags & IOCB_NOWAIT) {
		if (!(write ? inode_trylock(inode) : inode_trylock_shared(inode)))
			return -EAGAIN;
	} else if (write) {
		inode_lock(inode);
	} else {
		inode_lock_shared(inode);
	}
	return 0;
}

ssize_t script_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!(iocb->ki_flags & IOCB_DIRECT))
		return script_buffered_read(iocb, to);
	ret = script_lock(iocb, inode, false);
	if (ret)
		return ret;
	ret = script_dio(iocb, to, "read");
	inode_unlock_shared(inode);
	return ret;
}

ssize_t script_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	ssize_t ret;

	if (!(iocb->ki_flags & IOCB_DIRECT))
		return script_buffered_write(iocb, from);
	ret = script_lock(iocb, inode, true);
	if (ret)
		return ret;
	ret = script_dio(iocb, from, "write");
	inode_unlock(inode);
	return ret;
}

/*
 * Remember the first page that a bio moves, so that end_io can tell whether
 * the caller's pages have been let go by then.
 */
static void script_set_probe(struct script_file *file, struct page *page)
{
	struct page *old;
	unsigned long irq;

	if (page)
		get_page(page);
	spin_lock_irqsave(&file->lock, irq);
	old = file->probe;
	file->probe = page;
	spin_unlock_irqrestore(&file->lock, irq);
	if (old)
		put_page(old);
}

static const char *script_context(void)
{
	if (!in_task())
		return "irq";
	return current->flags & PF_WQ_WORKER ? "worker" : "task";
}

int script_end_io(struct kiocb *iocb, ssize_t size, int error, unsigned int flags)
{
	struct inode *inode = file_inode(iocb->ki_filp);
	struct script_file *file = script_file(inode);
	const struct script *script = &file->script;
	DECLARE_SEQ_BUF(line, 256);
	int ret = error;

	if (script->end_io_waits)
		script_wait_at_gate(file);
	if (script->end_io == SCRIPT_END_IO_SIZE && !error)
		ret = size;
	else if (script->end_io == SCRIPT_END_IO_VALUE)
		ret = script->end_io_value;
	if (script->end_io_grows && size > 0 && iocb->ki_pos + size > i_size_read(inode))
		i_size_write(inode, iocb->ki_pos + size);

	seq_buf_printf(&line, "end_io pos=%lld size=%zd error=%d", iocb->ki_pos, size, error);
	script_print_flags(&line, "flags", flags, script_end_io_flags);
	/* Of a polled request, private is the bio to poll for; of others, anything. */
	seq_buf_printf(&line, " context=%s pinned=%d cached=%lu dio_count=%d published=%d ret=%d",
		       script_context(),
		       file->probe && folio_maybe_dma_pinned(page_folio(file->probe)),
		       inode->i_mapping->nrpages, atomic_read(&inode->i_dio_count),
		       !!iocb->private, ret);
	script_log_line(file->log, &line);
	return ret;
}

static struct script_bio script_next_bio(struct script_file *file)
{
	struct script_bio bio = { .action = SCRIPT_BIO_SUBMIT };
	struct script *script = &file->script;
	unsigned long irq;

	spin_lock_irqsave(&file->lock, irq);
	if (script->next_bio < script->nr_bios)
		bio = script->bios[script->next_bio++];
	spin_unlock_irqrestore(&file->lock, irq);
	return bio;
}

/* 1: that may be polled for; 2: another one; 0: none. Of polled requests. */
static int script_published(const struct kiocb *iocb, const struct bio *bio)
{
	if (!iocb->private)
		return 0;
	return iocb->private == bio ? 1 : 2;
}

static void script_log_bio(struct script_file *file, const struct script_call *call,
			   struct bio *bio, loff_t pos)
{
	DECLARE_SEQ_BUF(line, 320);

	seq_buf_printf(&line, "submit pos=%lld op=%s", pos,
		       op_is_write(bio_op(bio)) ? "write" : "read");
	script_print_flags(&line, "flags", (__force unsigned long)bio->bi_opf,
			   script_bio_flags);
	seq_buf_printf(&line, " sector=%llu bytes=%u vecs=%u", bio->bi_iter.bi_sector,
		       bio->bi_iter.bi_size, bio->bi_vcnt);
	seq_buf_printf(&line, " bdev=%d own_set=%d ioprio=%d hint=%d published=%d plugged=%d",
		       bio->bi_bdev == file->bdevs[1], bio->bi_pool == &script_bio_set,
		       bio->bi_ioprio, bio->bi_write_hint, script_published(call->iocb, bio),
		       !!current->plug);
	script_log_line(file->log, &line);
}

static void script_complete_bio(struct bio *bio, int error)
{
	bio->bi_status = errno_to_blk_status(error);
	bio_endio(bio);
}

void script_submit_io(const struct iomap_iter *iter, struct bio *bio, loff_t pos)
{
	struct script_file *file = script_file(iter->inode);
	struct script_bio how = script_next_bio(file);
	unsigned long irq;

	script_log_bio(file, iter->private, bio, pos);
	/* Not by bio_first_page_all(), which refuses bios on borrowed vectors. */
	script_set_probe(file, bio->bi_io_vec->bv_page);

	switch (how.action) {
	case SCRIPT_BIO_SUBMIT:
		submit_bio(bio);
		break;
	case SCRIPT_BIO_COMPLETE:
		script_complete_bio(bio, how.error);
		break;
	case SCRIPT_BIO_HOLD:
		spin_lock_irqsave(&file->lock, irq);
		bio_list_add(&file->held, bio);
		spin_unlock_irqrestore(&file->lock, irq);
		if (how.delay)
			schedule_delayed_work(&file->release, msecs_to_jiffies(how.delay));
		break;
	}
}

/* Let go of all held bios: to the device, or to their end. */
void script_release_bios(struct script_file *file, const struct script_bio *how)
{
	struct bio_list bios;
	unsigned long irq;
	struct bio *bio;

	spin_lock_irqsave(&file->lock, irq);
	bios = file->held;
	bio_list_init(&file->held);
	spin_unlock_irqrestore(&file->lock, irq);

	while ((bio = bio_list_pop(&bios))) {
		if (how->action == SCRIPT_BIO_COMPLETE)
			script_complete_bio(bio, how->error);
		else
			submit_bio(bio);
	}
}

void script_release_work(struct work_struct *work)
{
	const struct script_bio how = { .action = SCRIPT_BIO_SUBMIT };

	script_release_bios(container_of(to_delayed_work(work), struct script_file, release),
			    &how);
}
