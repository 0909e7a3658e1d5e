// SPDX-License-Identifier: GPL-2.0
/*
 * Access control lists. See helpers.h.
 */
#include <linux/fs.h>
#include <linux/posix_acl.h>
#include <linux/uidgid.h>

#include "helpers.h"

struct posix_acl *fs_rs_posix_acl_alloc(int count)
{
	return posix_acl_alloc(count, GFP_KERNEL);
}

void fs_rs_posix_acl_release(struct posix_acl *acl)
{
	posix_acl_release(acl);
}

unsigned int fs_rs_acl_count(const struct posix_acl *acl)
{
	return acl->a_count;
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
