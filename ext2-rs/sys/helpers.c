// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust calls, see helpers.h.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/highmem.h>
#include <linux/kdev_t.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/posix_acl.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/statfs.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/xattr.h>

#include "helpers.h"

struct buffer_head *fs_rs_sb_bread(struct super_block *sb, sector_t block)
{
	return sb_bread(sb, block);
}

struct buffer_head *fs_rs_sb_getblk(struct super_block *sb, sector_t block)
{
	return sb_getblk(sb, block);
}

void fs_rs_lock_buffer(struct buffer_head *bh)
{
	lock_buffer(bh);
}

void fs_rs_unlock_buffer(struct buffer_head *bh)
{
	unlock_buffer(bh);
}

void fs_rs_set_buffer_uptodate(struct buffer_head *bh)
{
	set_buffer_uptodate(bh);
}

bool fs_rs_buffer_write_failed(struct buffer_head *bh)
{
	return buffer_req(bh) && !buffer_uptodate(bh);
}

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

s64 fs_rs_atime(const struct inode *inode)
{
	return inode_get_atime_sec(inode);
}

s64 fs_rs_mtime(const struct inode *inode)
{
	return inode_get_mtime_sec(inode);
}

s64 fs_rs_ctime(const struct inode *inode)
{
	return inode_get_ctime_sec(inode);
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

void fs_rs_inode_nohighmem(struct inode *inode)
{
	inode_nohighmem(inode);
}

void fs_rs_mapping_set_large_folios(struct address_space *mapping)
{
	mapping_set_large_folios(mapping);
}

bool fs_rs_is_bad_inode(struct inode *inode)
{
	return is_bad_inode(inode);
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

struct folio *fs_rs_read_mapping_folio(struct address_space *mapping,
				       pgoff_t index)
{
	return read_mapping_folio(mapping, index, NULL);
}

void fs_rs_folio_lock(struct folio *folio)
{
	folio_lock(folio);
}

void fs_rs_folio_unlock(struct folio *folio)
{
	folio_unlock(folio);
}

void fs_rs_folio_put(struct folio *folio)
{
	folio_put(folio);
}

void fs_rs_folio_wait_stable(struct folio *folio)
{
	folio_wait_stable(folio);
}

void *fs_rs_kmap_local(struct folio *folio, size_t offset)
{
	return kmap_local_folio(folio, offset);
}

void fs_rs_kunmap_local(void *address)
{
	kunmap_local(address);
}

void fs_rs_flush_dcache(struct folio *folio)
{
	flush_dcache_folio(folio);
}

size_t fs_rs_folio_size(struct folio *folio)
{
	return folio_size(folio);
}

void fs_rs_start_pagefault(struct super_block *sb)
{
	sb_start_pagefault(sb);
}

void fs_rs_end_pagefault(struct super_block *sb)
{
	sb_end_pagefault(sb);
}

void fs_rs_start_intwrite(struct super_block *sb)
{
	sb_start_intwrite(sb);
}

void fs_rs_end_intwrite(struct super_block *sb)
{
	sb_end_intwrite(sb);
}

vm_fault_t fs_rs_fault_error(int error)
{
	return vmf_fs_error(error);
}

void fs_rs_file_accessed(struct file *file)
{
	file_accessed(file);
}

int fs_rs_init_security(struct inode *inode, struct inode *dir,
			const struct qstr *name,
			int (*set)(struct inode *inode,
				   const struct xattr *attributes,
				   void *private))
{
	return security_inode_init_security(inode, dir, name, set, NULL);
}

void fs_rs_init_rwsem(struct rw_semaphore *sem, const char *name,
		      struct lock_class_key *key)
{
	__init_rwsem(sem, name, key);
}

bool fs_rs_dir_emit(struct dir_context *ctx, const char *name, int length,
		    u64 ino, unsigned int type)
{
	return dir_emit(ctx, name, length, ino, type);
}

struct posix_acl *fs_rs_posix_acl_alloc(int count)
{
	return posix_acl_alloc(count, GFP_KERNEL);
}

void fs_rs_posix_acl_release(struct posix_acl *acl)
{
	posix_acl_release(acl);
}

/* The id is that of the initial user namespace, as on disk. */
void fs_rs_acl_entry_get(const struct posix_acl *acl, unsigned int index,
			 u16 *tag, u16 *perm, u32 *id)
{
	const struct posix_acl_entry *entry = &acl->a_entries[index];

	*tag = entry->e_tag;
	*perm = entry->e_perm;
	switch (entry->e_tag) {
	case ACL_USER:
		*id = from_kuid(&init_user_ns, entry->e_uid);
		break;
	case ACL_GROUP:
		*id = from_kgid(&init_user_ns, entry->e_gid);
		break;
	default:
		*id = ACL_UNDEFINED_ID;
	}
}

void fs_rs_acl_entry_set(struct posix_acl *acl, unsigned int index, u16 tag,
			 u16 perm, u32 id)
{
	struct posix_acl_entry *entry = &acl->a_entries[index];

	entry->e_tag = tag;
	entry->e_perm = perm;
	switch (tag) {
	case ACL_USER:
		entry->e_uid = make_kuid(&init_user_ns, id);
		break;
	case ACL_GROUP:
		entry->e_gid = make_kgid(&init_user_ns, id);
		break;
	}
}

unsigned int fs_rs_acl_count(const struct posix_acl *acl)
{
	return acl->a_count;
}

bool fs_rs_capable(int capability)
{
	return capable(capability);
}

bool fs_rs_uid_is_current_fsuid(u32 uid)
{
	return uid_eq(make_kuid(&init_user_ns, uid), current_fsuid());
}

bool fs_rs_gid_is_in_current_groups(u32 gid)
{
	return in_group_p(make_kgid(&init_user_ns, gid));
}

int fs_rs_copy_u32_to_user(u32 value, void __user *to)
{
	return put_user(value, (u32 __user *)to);
}

int fs_rs_copy_u32_from_user(u32 *value, const void __user *from)
{
	return get_user(*value, (const u32 __user *)from);
}

int fs_rs_want_write_file(struct file *file)
{
	return mnt_want_write_file(file);
}

void fs_rs_drop_write_file(struct file *file)
{
	mnt_drop_write_file(file);
}

bool fs_rs_owner_or_capable(struct inode *inode)
{
	return inode_owner_or_capable(&nop_mnt_idmap, inode);
}

void fs_rs_log(struct super_block *sb, const char *fs, int level,
	       const char *message, size_t length)
{
	int printed = min_t(size_t, length, INT_MAX);

	switch (level) {
	case 2:
		pr_crit("%s (%s): error: %.*s\n", fs, sb->s_id, printed, message);
		break;
	case 1:
		pr_warn("%s (%s): %.*s\n", fs, sb->s_id, printed, message);
		break;
	default:
		pr_info("%s (%s): %.*s\n", fs, sb->s_id, printed, message);
	}
}

void fs_rs_panic(struct super_block *sb, const char *fs)
{
	panic("%s (%s): panic forced after error\n", fs, sb->s_id);
}

s64 fs_rs_now(void)
{
	return ktime_get_real_seconds();
}

u64 fs_rs_bdev_bytes(struct super_block *sb)
{
	return bdev_nr_bytes(sb->s_bdev);
}

u64 fs_rs_uuid_fsid(const u8 *uuid)
{
	__kernel_fsid_t fsid = uuid_to_fsid((__u8 *)uuid);

	return (u32)fsid.val[0] | (u64)(u32)fsid.val[1] << 32;
}

bool fs_rs_is_dirsync(struct inode *inode)
{
	return IS_DIRSYNC(inode);
}

int fs_rs_finish_open_simple(struct file *file, int error)
{
	return finish_open_simple(file, error);
}

unsigned int fs_rs_iov_iter_alignment(const struct iov_iter *iter)
{
	return iov_iter_alignment(iter);
}
