// SPDX-License-Identifier: GPL-2.0
/*
 * The log: one text line for each hook call of the mount, in the order in
 * which the calls were made. Reading it does not change it, writing clears it.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include "script_fs.h"

static void script_log_text(struct script_log *log, const char *text, size_t len)
{
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	if (log->len + len + 1 > sizeof(log->text)) {
		log->overflow = true;
	} else {
		memcpy(log->text + log->len, text, len);
		log->text[log->len + len] = '\n';
		log->len += len + 1;
	}
	spin_unlock_irqrestore(&log->lock, flags);
}

void script_log_line(struct script_log *log, struct seq_buf *line)
{
	script_log_text(log, line->buffer, seq_buf_used(line));
}

void script_log(struct script_log *log, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	script_log_text(log, text, vscnprintf(text, sizeof(text), fmt, args));
	va_end(args);
}

static int script_log_show(struct seq_file *seq, void *unused)
{
	struct script_log *log = seq->private;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	seq_write(seq, log->text, log->len);
	if (log->overflow)
		seq_puts(seq, "overflow\n");
	spin_unlock_irqrestore(&log->lock, flags);
	return 0;
}

static int script_log_open(struct inode *inode, struct file *file)
{
	/* Room for all of it: show must not be called twice for one reading. */
	return single_open_size(file, script_log_show, inode->i_private,
				SCRIPT_LOG_SIZE + PAGE_SIZE);
}

static ssize_t script_log_write(struct file *file, const char __user *buf, size_t len,
				loff_t *pos)
{
	struct script_log *log = ((struct seq_file *)file->private_data)->private;
	unsigned long flags;

	spin_lock_irqsave(&log->lock, flags);
	log->len = 0;
	log->overflow = false;
	spin_unlock_irqrestore(&log->lock, flags);
	return len;
}

const struct file_operations script_log_fops = {
	.llseek		= seq_lseek,
	.open		= script_log_open,
	.owner		= THIS_MODULE,
	.read		= seq_read,
	.release	= single_release,
	.write		= script_log_write,
};
