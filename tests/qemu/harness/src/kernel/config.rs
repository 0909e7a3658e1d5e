// SPDX-License-Identifier: GPL-2.0

//! Did Kconfig take what was asked for?

use std::collections::BTreeMap;

/// An option as a config file states it: a value, or `None` for "is not set".
type Options<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// The value of one option, if the config has it.
pub fn value_of<'a>(config: &'a str, option: &str) -> Option<&'a str> {
    parse(config).get(option).copied().flatten()
}

/// The requested lines that the resulting `.config` does not have, each with
/// what it has instead.
pub fn unmet(requested: &str, result: &str) -> Vec<String> {
    let result = parse(result);
    parse(requested)
        .into_iter()
        .filter_map(|(option, wanted)| {
            let found = result.get(option).copied().flatten();
            (found != wanted).then(|| {
                format!(
                    "{option}: wanted {}, is {}",
                    wanted.unwrap_or("unset"),
                    found.unwrap_or("unset")
                )
            })
        })
        .collect()
}

fn parse(text: &str) -> Options<'_> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<(&str, Option<&str>)> {
    let line = line.trim();
    if let Some(unset) = line.strip_prefix("# ") {
        let option = unset.strip_suffix(" is not set")?;
        return option.starts_with("CONFIG_").then_some((option, None));
    }
    let (option, value) = line.split_once('=')?;
    // "n" is how a fragment may say "not set".
    let value = (value != "n").then_some(value);
    option.starts_with("CONFIG_").then_some((option, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stuck_is_not_mentioned() {
        let requested = "# words\nCONFIG_A=y\nCONFIG_B=\"x=y\"\n# CONFIG_C is not set\n";
        let result = "CONFIG_A=y\nCONFIG_B=\"x=y\"\nCONFIG_D=m\n";
        assert!(unmet(requested, result).is_empty());
    }

    #[test]
    fn what_did_not_stick_is_named_with_its_value() {
        let requested = "CONFIG_A=m\nCONFIG_B=y\n# CONFIG_C is not set\n";
        let result = "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y\n";
        assert_eq!(
            unmet(requested, result),
            [
                "CONFIG_A: wanted m, is y",
                "CONFIG_B: wanted y, is unset",
                "CONFIG_C: wanted unset, is y"
            ]
        );
    }

    #[test]
    fn the_last_of_two_fragments_wins() {
        assert!(unmet("CONFIG_A=y\nCONFIG_A=m\n", "CONFIG_A=m\n").is_empty());
    }

    #[test]
    fn one_option_can_be_asked_for() {
        let config = "CONFIG_RUST=y\n# CONFIG_XFS is not set\n";
        assert_eq!(value_of(config, "CONFIG_RUST"), Some("y"));
        assert_eq!(value_of(config, "CONFIG_XFS"), None);
    }
}
