// SPDX-License-Identifier: GPL-2.0

//! A filesystem that the kernel has under another name than fstests.
//!
//! What fstests does depends on the name in a hundred places. So the name is
//! translated where it meets the kernel: a helper of `mount`, and the two programs
//! that fstests asks for the type of what is mounted. They lie in the guest's layer
//! over the host's userland.

use anyhow::Result;

use super::root;

/// Lets `name`, which fstests knows, stand for the kernel's `kernel_type`.
pub fn hide(kernel_type: &str, name: &str) -> Result<()> {
    for (path, text) in scripts(kernel_type, name) {
        root::add_program(&path, &text)?;
    }
    Ok(())
}

/// Paths and texts. `/usr/local/bin` comes before the host's own programs.
fn scripts(kernel_type: &str, name: &str) -> [(String, String); 3] {
    let asking = |program: &str| {
        format!(
            "#!/bin/bash\n\
             set -o pipefail\n\
             for word do\n\
             \t[[ $word == {name} ]] && word={kernel_type}\n\
             \twords+=(\"$word\")\n\
             done\n\
             /usr/bin/{program} \"${{words[@]}}\" | sed 's/\\b{kernel_type}\\b/{name}/g'\n"
        )
    };
    [
        (
            format!("/sbin/mount.{name}"),
            format!("#!/bin/sh\nexec mount -i -t {kernel_type} \"$@\"\n"),
        ),
        ("/usr/local/bin/df".to_owned(), asking("df")),
        ("/usr/local/bin/findmnt".to_owned(), asking("findmnt")),
    ]
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn asking_translates_both_ways() -> Result<()> {
        let [_, (_, text), _] = scripts("ext2_rs", "ext2");
        let text = text.replace("/usr/bin/df", "echo");
        let output = Command::new("bash")
            .args(["-c", &text, "df", "-t", "ext2", "/ext2", "ext2_rs_"])
            .output()
            .context("no bash")?;
        assert_eq!(output.stdout, b"-t ext2 /ext2 ext2_rs_\n");
        let asked = text.replace("| sed", "; exit; sed");
        let output = Command::new("bash")
            .args(["-c", &asked, "df", "-t", "ext2", "/ext2"])
            .output()
            .context("no bash")?;
        assert_eq!(output.stdout, b"-t ext2_rs /ext2\n");
        Ok(())
    }
}
