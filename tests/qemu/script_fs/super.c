// SPDX-License-Identifier: GPL-2.0
/*
 * Mount and unmount: mount -t script_fs [-o blksize=N,bdev2=PATH] DEVICE DIR
 * shows a root directory with a fixed set of files, all held in memory as long
 * as the mount lives. The device is only what mappings point at.
 */
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/fs_context.h>
#include <linux/fs_parser.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/statfs.h>
#include "script_fs.h"

#define SCRIPT_MAGIC		0x73637270
#define SCRIPT_ROOT_INO		1
#define SCRIPT_FIRST_INO	2

struct dentry *script_debugfs;

struct script_options {
	u32 block_size;
	char *bdev2;
};

enum { OPT_BLKSIZE, OPT_BDEV2 };

static const struct fs_parameter_spec script_parameters[] = {
	fsparam_u32("blksize", OPT_BLKSIZE),
	fsparam_string("bdev2", OPT_BDEV2),
	{}
};

static int script_open(struct inode *inode, struct file *file)
{
	file->f_mode |= FMODE_CAN_ODIRECT | FMODE_NOWAIT;
	return generic_file_open(inode, file);
}

static int script_fsync(struct file *file, loff_t start, loff_t end, int datasync)
{
	struct script_file *script = script_file(file_inode(file));

	script_log(script->log, "fsync start=%lld end=%lld datasync=%d ret=%d", start, end,
		   datasync, script->script.fsync_error);
	if (script->script.fsync_error)
		return script->script.fsync_error;
	if (script->script.buffered)
		return file_write_and_wait_range(file, start, end);
	return file_check_and_advance_wb_err(file);
}

static const struct file_operations script_file_fops = {
	.fsync		= script_fsync,
	.iopoll		= iocb_bio_iopoll,
	.llseek		= script_llseek,
	.mmap		= script_mmap,
	.open		= script_open,
	.read_iter	= script_read_iter,
	.write_iter	= script_write_iter,
};

static const struct inode_operations script_file_iops = {
	.fiemap		= script_fiemap,
};

static struct dentry *script_dir_lookup(struct inode *dir, struct dentry *dentry,
					unsigned int flags)
{
	struct script_sb *sbi = dir->i_sb->s_fs_info;
	const struct qstr *name = &dentry->d_name;
	struct inode *inode = NULL;

	if (name->len == strlen("fileN") && !memcmp(name->name, "file", 4)) {
		unsigned int i = name->name[4] - '0';

		if (i < SCRIPT_FILES)
			inode = igrab(sbi->files[i].inode);
	}
	return d_splice_alias(inode, dentry);
}

static int script_dir_iterate(struct file *file, struct dir_context *ctx)
{
	char name[8];

	if (!dir_emit_dots(file, ctx))
		return 0;
	while (ctx->pos < SCRIPT_FILES + 2) {
		unsigned int i = ctx->pos - 2;
		int len = snprintf(name, sizeof(name), "file%u", i);

		if (!dir_emit(ctx, name, len, SCRIPT_FIRST_INO + i, DT_REG))
			break;
		ctx->pos++;
	}
	return 0;
}

static const struct inode_operations script_dir_iops = {
	.lookup		= script_dir_lookup,
};

static const struct file_operations script_dir_fops = {
	.iterate_shared	= script_dir_iterate,
	.llseek		= generic_file_llseek,
	.read		= generic_read_dir,
};

static void script_dirty_inode(struct inode *inode, int flags)
{
	script_log(script_file(inode)->log, "dirty_inode isize=%lld", i_size_read(inode));
}

static const struct super_operations script_super_ops = {
	.dirty_inode	= script_dirty_inode,
	.statfs		= simple_statfs,
};

/*
 * The inodes are not hashed, so the flusher threads leave them alone and
 * writeback happens only where a test provokes it.
 */
static struct inode *script_new_inode(struct super_block *sb, unsigned long ino, umode_t mode)
{
	struct inode *inode = new_inode(sb);

	if (!inode)
		return NULL;
	inode->i_ino = ino;
	inode->i_mode = mode;
	simple_inode_init_ts(inode);
	return inode;
}

static int script_init_file(struct super_block *sb, int i)
{
	struct script_sb *sbi = sb->s_fs_info;
	struct script_file *file = &sbi->files[i];
	struct inode *inode;

	mutex_init(&file->control);
	spin_lock_init(&file->lock);
	bio_list_init(&file->held);
	INIT_DELAYED_WORK(&file->release, script_release_work);
	INIT_LIST_HEAD(&file->ioends);
	init_waitqueue_head(&file->ioends_wait);
	init_waitqueue_head(&file->gate);
	file->log = &sbi->log;
	file->bdevs[0] = sb->s_bdev;
	if (sbi->bdev2)
		file->bdevs[1] = file_bdev(sbi->bdev2);

	file->data = (void *)get_zeroed_page(GFP_KERNEL);
	if (!file->data)
		return -ENOMEM;
	inode = script_new_inode(sb, SCRIPT_FIRST_INO + i, S_IFREG | 0644);
	if (!inode)
		return -ENOMEM;
	inode->i_op = &script_file_iops;
	inode->i_fop = &script_file_fops;
	inode->i_private = file;
	file->inode = inode;
	script_reset(file);
	return 0;
}

static int script_fill_super(struct super_block *sb, struct fs_context *fc)
{
	struct script_options *options = fc->fs_private;
	struct script_sb *sbi;
	struct inode *root;
	int i, error;

	sbi = kvzalloc(sizeof(*sbi), GFP_KERNEL);
	if (!sbi)
		return -ENOMEM;
	sb->s_fs_info = sbi;
	spin_lock_init(&sbi->log.lock);

	if (!sb_set_blocksize(sb, options->block_size))
		return invalf(fc, "block size %u does not fit the device or the page size",
			      options->block_size);
	if (options->bdev2) {
		sbi->bdev2 = bdev_file_open_by_path(options->bdev2,
						    BLK_OPEN_READ | BLK_OPEN_WRITE, sbi, NULL);
		if (IS_ERR(sbi->bdev2)) {
			error = PTR_ERR(sbi->bdev2);
			sbi->bdev2 = NULL;
			errorf(fc, "cannot open %s", options->bdev2);
			return error;
		}
	}

	sb->s_magic = SCRIPT_MAGIC;
	sb->s_op = &script_super_ops;
	sb->s_maxbytes = SZ_1T;
	sb->s_time_gran = 1;
	sb->s_iflags |= SB_I_CGROUPWB;
	sb->s_flags |= SB_NOATIME;

	for (i = 0; i < SCRIPT_FILES; i++) {
		error = script_init_file(sb, i);
		if (error)
			return error;
	}

	root = script_new_inode(sb, SCRIPT_ROOT_INO, S_IFDIR | 0755);
	if (!root)
		return -ENOMEM;
	set_nlink(root, 2);
	root->i_op = &script_dir_iops;
	root->i_fop = &script_dir_fops;
	sb->s_root = d_make_root(root);
	if (!sb->s_root)
		return -ENOMEM;

	script_control_init(sbi, sb->s_id);
	return 0;
}

static void script_kill_sb(struct super_block *sb)
{
	struct script_sb *sbi = sb->s_fs_info;
	int i;

	if (sbi) {
		debugfs_remove(sbi->debugfs);
		for (i = 0; i < SCRIPT_FILES; i++) {
			if (sbi->files[i].inode)
				script_reset(&sbi->files[i]);
			iput(sbi->files[i].inode);
		}
	}
	kill_block_super(sb);
	if (!sbi)
		return;

	for (i = 0; i < SCRIPT_FILES; i++) {
		if (sbi->files[i].probe)
			put_page(sbi->files[i].probe);
		free_page((unsigned long)sbi->files[i].data);
	}
	if (sbi->bdev2)
		bdev_fput(sbi->bdev2);
	kvfree(sbi);
}

static int script_parse_param(struct fs_context *fc, struct fs_parameter *param)
{
	struct script_options *options = fc->fs_private;
	struct fs_parse_result result;
	int opt = fs_parse(fc, script_parameters, param, &result);

	switch (opt) {
	case OPT_BLKSIZE:
		options->block_size = result.uint_32;
		return 0;
	case OPT_BDEV2:
		kfree(options->bdev2);
		options->bdev2 = param->string;
		param->string = NULL;
		return 0;
	default:
		return opt;
	}
}

static int script_get_tree(struct fs_context *fc)
{
	return get_tree_bdev(fc, script_fill_super);
}

static void script_free_fc(struct fs_context *fc)
{
	struct script_options *options = fc->fs_private;

	if (options)
		kfree(options->bdev2);
	kfree(options);
}

static const struct fs_context_operations script_context_ops = {
	.free		= script_free_fc,
	.get_tree	= script_get_tree,
	.parse_param	= script_parse_param,
};

static int script_init_fs_context(struct fs_context *fc)
{
	struct script_options *options = kzalloc(sizeof(*options), GFP_KERNEL);

	if (!options)
		return -ENOMEM;
	options->block_size = PAGE_SIZE;
	fc->fs_private = options;
	fc->ops = &script_context_ops;
	return 0;
}

static struct file_system_type script_fs_type = {
	.fs_flags		= FS_REQUIRES_DEV,
	.init_fs_context	= script_init_fs_context,
	.kill_sb		= script_kill_sb,
	.name			= "script_fs",
	.owner			= THIS_MODULE,
	.parameters		= script_parameters,
};

static int __init script_init(void)
{
	int error;

	error = bioset_init(&script_bio_set, BIO_POOL_SIZE, 0, BIOSET_NEED_BVECS);
	if (error)
		return error;
	script_debugfs = debugfs_create_dir("script_fs", NULL);
	error = register_filesystem(&script_fs_type);
	if (error) {
		debugfs_remove(script_debugfs);
		bioset_exit(&script_bio_set);
	}
	return error;
}
module_init(script_init);

static void __exit script_exit(void)
{
	unregister_filesystem(&script_fs_type);
	debugfs_remove(script_debugfs);
	bioset_exit(&script_bio_set);
}
module_exit(script_exit);

MODULE_DESCRIPTION("Filesystem with scripted iomap answers, for tests");
MODULE_LICENSE("GPL");
