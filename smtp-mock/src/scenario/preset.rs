//! Provides the habits of real servers as scenarios, each with its source.

use super::{Scenario, ScenarioError};

/// A server whose habits are known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Preset {
    name: &'static str,
    source: &'static str,
}

/// All presets, in the order of their names.
const PRESETS: [Preset; 7] = [
    Preset { name: "exim", source: include_str!("../../presets/exim.toml") },
    Preset { name: "gmail", source: include_str!("../../presets/gmail.toml") },
    Preset { name: "office365", source: include_str!("../../presets/office365.toml") },
    Preset { name: "pix", source: include_str!("../../presets/pix.toml") },
    Preset { name: "postfix", source: include_str!("../../presets/postfix.toml") },
    Preset { name: "postscreen", source: include_str!("../../presets/postscreen.toml") },
    Preset { name: "sendmail-greetpause", source: include_str!("../../presets/sendmail-greetpause.toml") },
];

impl Preset {
    /// All of them.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// The preset of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        PRESETS.into_iter().find(|preset| preset.name == name)
    }

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The scenario file, with what it is and where that is known from.
    #[must_use]
    pub fn source(self) -> &'static str {
        self.source
    }

    /// The scenario.
    ///
    /// # Errors
    /// Never for the presets that come with the crate; the type is that of every scenario file.
    pub fn scenario(self) -> Result<Scenario, ScenarioError> {
        Scenario::parse(self.name, self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_sound_and_names_its_source() {
        for preset in Preset::all() {
            let scenario = preset.scenario().unwrap();
            assert_eq!(scenario.name.as_deref(), Some(preset.name()));
            let about = scenario.about.unwrap();
            assert!(about.contains("Source") && about.contains("https://"), "{about}");
        }
        assert!(Preset::named("qmail").is_none());
    }
}
