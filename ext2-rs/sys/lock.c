// SPDX-License-Identifier: GPL-2.0
/*
 * Locks of inodes, of page caches, and of values. See helpers.h.
 */
#include <linux/fs.h>
#include <linux/lockdep.h>
#include <linux/rwsem.h>

#include "helpers.h"

void fs_rs_inode_lock(struct inode *inode)
{
	inode_lock(inode);
}

bool fs_rs_inode_trylock(struct inode *inode)
{
	return inode_trylock(inode);
}

void fs_rs_inode_unlock(struct inode *inode)
{
	inode_unlock(inode);
}

void fs_rs_inode_lock_shared(struct inode *inode)
{
	inode_lock_shared(inode);
}

bool fs_rs_inode_trylock_shared(struct inode *inode)
{
	return inode_trylock_shared(inode);
}

void fs_rs_inode_unlock_shared(struct inode *inode)
{
	inode_unlock_shared(inode);
}

void fs_rs_inode_dio_wait(struct inode *inode)
{
	inode_dio_wait(inode);
}

void fs_rs_invalidate_lock(struct address_space *mapping)
{
	filemap_invalidate_lock(mapping);
}

void fs_rs_invalidate_unlock(struct address_space *mapping)
{
	filemap_invalidate_unlock(mapping);
}

void fs_rs_invalidate_lock_shared(struct address_space *mapping)
{
	filemap_invalidate_lock_shared(mapping);
}

void fs_rs_invalidate_unlock_shared(struct address_space *mapping)
{
	filemap_invalidate_unlock_shared(mapping);
}

void fs_rs_init_rwsem(struct rw_semaphore *sem, const char *name,
		      struct lock_class_key *key)
{
	__init_rwsem(sem, name, key);
}

/* Calls @work for each key of a type's locks. */
static void visit_lock_keys(struct file_system_type *type,
			    void (*work)(struct lock_class_key *key))
{
	int level;

	work(&type->s_lock_key);
	work(&type->s_umount_key);
	work(&type->s_vfs_rename_key);
	for (level = 0; level < SB_FREEZE_LEVELS; level++)
		work(&type->s_writers_key[level]);
	work(&type->i_lock_key);
	work(&type->i_mutex_key);
	work(&type->invalidate_lock_key);
	work(&type->i_mutex_dir_key);
}

void fs_rs_register_lock_keys(struct file_system_type *type)
{
	visit_lock_keys(type, lockdep_register_key);
}

void fs_rs_unregister_lock_keys(struct file_system_type *type)
{
	visit_lock_keys(type, lockdep_unregister_key);
}
