// SPDX-License-Identifier: GPL-2.0
/*
 * The control files of a mount, in debugfs under script_fs/<device>/:
 *   log            what the engine did
 *   fileN/script   commands, one a line; all of one write() are run in order
 *   fileN/data     the file's data page
 */
#include <linux/debugfs.h>
#include "script_fs.h"

#define SCRIPT_MAX_WRITE	(64 * 1024)

static ssize_t script_control_write(struct file *control, const char __user *buf, size_t len,
				    loff_t *pos)
{
	struct script_file *file = control->private_data;
	char *text, *rest, *line;
	int error = 0;

	if (len > SCRIPT_MAX_WRITE)
		return -E2BIG;
	text = memdup_user_nul(buf, len);
	if (IS_ERR(text))
		return PTR_ERR(text);

	rest = text;
	mutex_lock(&file->control);
	while (!error && (line = strsep(&rest, "\n")))
		error = script_run_command(file, line);
	mutex_unlock(&file->control);

	kfree(text);
	return error ?: len;
}

static const struct file_operations script_control_fops = {
	.llseek		= noop_llseek,
	.open		= simple_open,
	.owner		= THIS_MODULE,
	.write		= script_control_write,
};

static ssize_t script_data_read(struct file *control, char __user *buf, size_t len, loff_t *pos)
{
	struct script_file *file = control->private_data;

	return simple_read_from_buffer(buf, len, pos, file->data, PAGE_SIZE);
}

static ssize_t script_data_write(struct file *control, const char __user *buf, size_t len,
				 loff_t *pos)
{
	struct script_file *file = control->private_data;

	return simple_write_to_buffer(file->data, PAGE_SIZE, pos, buf, len);
}

static const struct file_operations script_data_fops = {
	.llseek		= default_llseek,
	.open		= simple_open,
	.owner		= THIS_MODULE,
	.read		= script_data_read,
	.write		= script_data_write,
};

void script_control_init(struct script_sb *sbi, const char *name)
{
	struct dentry *dir;
	char file[16];
	int i;

	sbi->debugfs = debugfs_create_dir(name, script_debugfs);
	debugfs_create_file("log", 0600, sbi->debugfs, &sbi->log, &script_log_fops);
	for (i = 0; i < SCRIPT_FILES; i++) {
		snprintf(file, sizeof(file), "file%d", i);
		dir = debugfs_create_dir(file, sbi->debugfs);
		debugfs_create_file("script", 0200, dir, &sbi->files[i], &script_control_fops);
		debugfs_create_file("data", 0600, dir, &sbi->files[i], &script_data_fops);
	}
}
