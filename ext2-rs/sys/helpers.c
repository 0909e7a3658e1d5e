// SPDX-License-Identifier: GPL-2.0
/*
 * C that Rust calls, see helpers.h; the files beside this have most of it. Here is
 * what is about no object: the current task, its memory, the time.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>

#include "helpers.h"

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

s64 fs_rs_now(void)
{
	return ktime_get_real_seconds();
}
