// SPDX-License-Identifier: GPL-2.0
/*
 * Inodes: their memory, and what they say. See helpers.h.
 */
#include <linux/cred.h>
#include <linux/fs.h>
/* Behind that of which it has its flags. */
#include <linux/fileattr.h>
#include <linux/kdev_t.h>
#include <linux/rcupdate.h>
#include <linux/security.h>
#include <linux/slab.h>

#include "helpers.h"

struct kmem_cache *fs_rs_inode_cache_create(const char *name, size_t size,
					    size_t align, void (*ctor)(void *))
{
	return kmem_cache_create(name, size, align,
				 SLAB_RECLAIM_ACCOUNT | SLAB_ACCOUNT, ctor);
}

void *fs_rs_alloc_inode_sb(struct super_block *sb, struct kmem_cache *cache)
{
	return alloc_inode_sb(sb, cache, GFP_KERNEL);
}

void fs_rs_rcu_barrier(void)
{
	rcu_barrier();
}

u32 fs_rs_i_uid_read(const struct inode *inode)
{
	return i_uid_read(inode);
}

u32 fs_rs_i_gid_read(const struct inode *inode)
{
	return i_gid_read(inode);
}

void fs_rs_i_uid_write(struct inode *inode, u32 uid)
{
	i_uid_write(inode, uid);
}

void fs_rs_i_gid_write(struct inode *inode, u32 gid)
{
	i_gid_write(inode, gid);
}

/* The group is the directory's, whatever its setgid bit says. */
void fs_rs_init_owner_of_dir(struct inode *inode, const struct inode *dir,
			     umode_t mode)
{
	inode->i_mode = mode;
	inode->i_uid = current_fsuid();
	inode->i_gid = dir->i_gid;
}

bool fs_rs_owner_or_capable(struct inode *inode)
{
	return inode_owner_or_capable(&nop_mnt_idmap, inode);
}

int fs_rs_wait_for_write_inode(struct inode *inode)
{
	if (!(READ_ONCE(inode->i_state) & I_SYNC))
		return 0;
	/* It waits first. */
	return sync_inode_metadata(inode, 1);
}

int fs_rs_init_security(struct inode *inode, struct inode *dir,
			const struct qstr *name,
			int (*set)(struct inode *inode,
				   const struct xattr *attributes,
				   void *private))
{
	return security_inode_init_security(inode, dir, name, set, NULL);
}

/*
 * Times may change while an inode is written: it is dirty then, and is written
 * again.
 */
s64 fs_rs_atime(const struct inode *inode)
{
	return data_race(inode_get_atime_sec(inode));
}

s64 fs_rs_mtime(const struct inode *inode)
{
	return data_race(inode_get_mtime_sec(inode));
}

s64 fs_rs_ctime(const struct inode *inode)
{
	return data_race(inode_get_ctime_sec(inode));
}

void fs_rs_set_times(struct inode *inode, s64 atime, s64 mtime, s64 ctime)
{
	inode_set_atime(inode, atime, 0);
	inode_set_mtime(inode, mtime, 0);
	inode_set_ctime(inode, ctime, 0);
}

void fs_rs_touch_mtime_ctime(struct inode *inode)
{
	inode_set_mtime_to_ts(inode, inode_set_ctime_current(inode));
}

void fs_rs_copy_ctime(struct inode *to, const struct inode *from)
{
	inode_set_ctime_to_ts(to, inode_get_ctime(from));
}

bool fs_rs_is_bad_inode(struct inode *inode)
{
	return is_bad_inode(inode);
}

bool fs_rs_is_dirsync(struct inode *inode)
{
	return IS_DIRSYNC(inode);
}

/* Whether it has what ->flags cannot say. */
bool fs_rs_fileattr_has_fsx(const struct fileattr *attr)
{
	return fileattr_has_fsx(attr);
}

void fs_rs_init_special_inode(struct inode *inode, umode_t mode,
			      unsigned int major, unsigned int minor)
{
	init_special_inode(inode, mode, MKDEV(major, minor));
}

unsigned int fs_rs_major(const struct inode *inode)
{
	return MAJOR(inode->i_rdev);
}

unsigned int fs_rs_minor(const struct inode *inode)
{
	return MINOR(inode->i_rdev);
}

void fs_rs_inode_add_blocks(struct inode *inode, s64 sectors)
{
	spin_lock(&inode->i_lock);
	inode->i_blocks += sectors;
	spin_unlock(&inode->i_lock);
}

u64 fs_rs_inode_blocks(struct inode *inode)
{
	u64 sectors;

	spin_lock(&inode->i_lock);
	sectors = inode->i_blocks;
	spin_unlock(&inode->i_lock);
	return sectors;
}

void fs_rs_set_inode_blocks(struct inode *inode, u64 sectors)
{
	inode->i_blocks = sectors;
}
