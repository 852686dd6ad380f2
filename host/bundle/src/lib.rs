//! The bundled plugins, as this binary carries them. They are components like anyone's and come in through the same door;
//! here they only lie. What made them is the build script (`build.rs`).

/// A plugin that is part of this binary.
#[derive(Debug, Clone, Copy)]
pub struct Bundled {
    /// The name of its folder in `plugins`: `from-env`. Its id stands in its manifest.
    pub name: &'static str,
    /// The component, with its manifest.
    pub component: &'static [u8],
    /// The same as machine code. Empty where this binary is for another processor than the one that built it.
    pub code: &'static [u8],
    /// What made the code, in the words of the engine: whoever says something else must not use it.
    pub compatibility: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/plugins.rs"));

/// Returns the bundled plugins in the order of their names.
pub fn plugins() -> &'static [Bundled] {
    PLUGINS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there_with_code() {
        for plugin in plugins() {
            assert!(plugin.component.starts_with(b"\0asm"), "{}", plugin.name);
            assert_eq!(plugin.code.is_empty(), plugin.compatibility.is_empty(), "{}", plugin.name);
        }
        let names: Vec<&str> = plugins().iter().map(|plugin| plugin.name).collect();
        let bundled = ["from-env", "from-file", "from-vault", "local", "ssh", "systemd"];
        assert_eq!(names, bundled);
    }
}
