/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C that Rust calls: inline functions and macros of the kernel that cannot be
 * read by bindgen. A section for each file that has them.
 */
#ifndef FS_RS_HELPERS_H
#define FS_RS_HELPERS_H

#include <linux/fs.h>

struct buffer_head;
struct fileattr;
struct folio;
struct kmem_cache;
struct posix_acl;
struct xattr;

/* helpers.c */
bool fs_rs_capable(int capability);
bool fs_rs_uid_is_current_fsuid(u32 uid);
bool fs_rs_gid_is_in_current_groups(u32 gid);
int fs_rs_copy_u32_to_user(u32 value, void __user *to);
int fs_rs_copy_u32_from_user(u32 *value, const void __user *from);
s64 fs_rs_now(void);

/* buffer.c */
struct buffer_head *fs_rs_sb_bread(struct super_block *sb, sector_t block);
struct buffer_head *fs_rs_sb_getblk(struct super_block *sb, sector_t block);
void fs_rs_lock_buffer(struct buffer_head *bh);
void fs_rs_unlock_buffer(struct buffer_head *bh);
void fs_rs_set_buffer_uptodate(struct buffer_head *bh);
bool fs_rs_buffer_write_failed(struct buffer_head *bh);
void fs_rs_clear_write_error(struct buffer_head *bh, const char *fs,
			     const char *what);

/* inode.c */
struct kmem_cache *fs_rs_inode_cache_create(const char *name, size_t size,
					    size_t align, void (*ctor)(void *));
void *fs_rs_alloc_inode_sb(struct super_block *sb, struct kmem_cache *cache);
void fs_rs_rcu_barrier(void);
u32 fs_rs_i_uid_read(const struct inode *inode);
u32 fs_rs_i_gid_read(const struct inode *inode);
void fs_rs_i_uid_write(struct inode *inode, u32 uid);
void fs_rs_i_gid_write(struct inode *inode, u32 gid);
void fs_rs_init_owner_of_dir(struct inode *inode, const struct inode *dir,
			     umode_t mode);
bool fs_rs_owner_or_capable(struct inode *inode);
int fs_rs_wait_for_write_inode(struct inode *inode);
int fs_rs_init_security(struct inode *inode, struct inode *dir,
			const struct qstr *name,
			int (*set)(struct inode *inode,
				   const struct xattr *attributes,
				   void *private));
s64 fs_rs_atime(const struct inode *inode);
s64 fs_rs_mtime(const struct inode *inode);
s64 fs_rs_ctime(const struct inode *inode);
void fs_rs_set_times(struct inode *inode, s64 atime, s64 mtime, s64 ctime);
void fs_rs_touch_mtime_ctime(struct inode *inode);
void fs_rs_copy_ctime(struct inode *to, const struct inode *from);
bool fs_rs_is_bad_inode(struct inode *inode);
bool fs_rs_is_dirsync(struct inode *inode);
bool fs_rs_fileattr_has_fsx(const struct fileattr *attr);
void fs_rs_init_special_inode(struct inode *inode, umode_t mode,
			      unsigned int major, unsigned int minor);
unsigned int fs_rs_major(const struct inode *inode);
unsigned int fs_rs_minor(const struct inode *inode);
void fs_rs_inode_add_blocks(struct inode *inode, s64 sectors);
u64 fs_rs_inode_blocks(struct inode *inode);
void fs_rs_set_inode_blocks(struct inode *inode, u64 sectors);

/* lock.c */
void fs_rs_inode_lock(struct inode *inode);
bool fs_rs_inode_trylock(struct inode *inode);
void fs_rs_inode_unlock(struct inode *inode);
void fs_rs_inode_lock_shared(struct inode *inode);
bool fs_rs_inode_trylock_shared(struct inode *inode);
void fs_rs_inode_unlock_shared(struct inode *inode);
void fs_rs_inode_dio_wait(struct inode *inode);
void fs_rs_invalidate_lock(struct address_space *mapping);
void fs_rs_invalidate_unlock(struct address_space *mapping);
void fs_rs_invalidate_lock_shared(struct address_space *mapping);
void fs_rs_invalidate_unlock_shared(struct address_space *mapping);
void fs_rs_init_rwsem(struct rw_semaphore *sem, const char *name,
		      struct lock_class_key *key);
void fs_rs_register_lock_keys(struct file_system_type *type);
void fs_rs_unregister_lock_keys(struct file_system_type *type);

/* folio.c */
void fs_rs_inode_nohighmem(struct inode *inode);
void fs_rs_mapping_set_large_folios(struct address_space *mapping);
struct folio *fs_rs_read_mapping_folio(struct address_space *mapping,
				       pgoff_t index);
void fs_rs_folio_lock(struct folio *folio);
void fs_rs_folio_unlock(struct folio *folio);
void fs_rs_folio_put(struct folio *folio);
void fs_rs_folio_wait_stable(struct folio *folio);
void *fs_rs_folio_address(struct folio *folio, size_t offset);
void fs_rs_flush_dcache(struct folio *folio);
size_t fs_rs_folio_size(struct folio *folio);

/* file.c */
void fs_rs_file_accessed(struct file *file);
int fs_rs_want_write_file(struct file *file);
void fs_rs_drop_write_file(struct file *file);
int fs_rs_finish_open_simple(struct file *file, int error);
bool fs_rs_dir_emit(struct dir_context *ctx, const char *name, int length,
		    u64 ino, unsigned int type);
unsigned int fs_rs_iov_iter_alignment(const struct iov_iter *iter);
vm_fault_t fs_rs_fault_error(int error);
vm_fault_t fs_rs_fault_again(void);

/* super_block.c */
u64 fs_rs_bdev_bytes(struct super_block *sb);
u64 fs_rs_uuid_fsid(const u8 *uuid);
bool fs_rs_has_unlinked(struct super_block *sb);
void fs_rs_start_pagefault(struct super_block *sb);
void fs_rs_end_pagefault(struct super_block *sb);
void fs_rs_start_intwrite(struct super_block *sb);
void fs_rs_end_intwrite(struct super_block *sb);
void fs_rs_log(struct super_block *sb, const char *fs, int level,
	       const char *message, size_t length);
void fs_rs_panic(struct super_block *sb, const char *fs);

/* acl.c */
struct posix_acl *fs_rs_posix_acl_alloc(int count);
void fs_rs_posix_acl_release(struct posix_acl *acl);
unsigned int fs_rs_acl_count(const struct posix_acl *acl);
void fs_rs_acl_entry_get(const struct posix_acl *acl, unsigned int index,
			 u16 *tag, u16 *perm, u32 *id);
void fs_rs_acl_entry_set(struct posix_acl *acl, unsigned int index, u16 tag,
			 u16 perm, u32 id);

#endif
