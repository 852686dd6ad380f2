//! The worlds that a plugin can be of, and the interfaces that each is given. This is the whole of what a plugin can
//! reach: what is not in this table does not exist for it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum World {
    /// Renders services for an init system.
    Backend,
    /// Finds secrets.
    SecretResolver,
    /// Opens the way to a target.
    Transport,
}

/// Something that has to be granted before a plugin can do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Http,
    Env,
    Files,
    Process,
    Spawn,
    Ssh,
    Here,
    Clock,
    Seal,
    Reveal,
}

/// Why a text is not a world.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a world of this version: these are {}", worlds())]
pub struct NotAWorld {
    text: String,
}

/// An interface as components name it: `punix:cap/http@0.1.0`. Invariant: a package, a name and a version of three
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceName {
    package: String,
    name: String,
    version: (u32, u32, u32),
}

/// How an interface that somebody names relates to ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    /// The name is ours, this generation of it is not.
    OtherVersion,
    No,
}

/// Every interface of this version, without the version, which is 0.1 for all.
const INTERFACES: &[(&str, &str)] = &[
    ("punix:base", "types"),
    ("punix:base", "meta"),
    ("punix:cap", "log"),
    ("punix:cap", "clock"),
    ("punix:cap", "random"),
    ("punix:cap", "blobs"),
    ("punix:cap", "secrets"),
    ("punix:cap", "env"),
    ("punix:cap", "files"),
    ("punix:cap", "http"),
    ("punix:cap", "process"),
    ("punix:cap", "pipes"),
    ("punix:cap", "ssh"),
    ("punix:cap", "here"),
    ("punix:cap", "spawn"),
    ("punix:backend", "api"),
    ("punix:resolver", "api"),
    ("punix:transport", "api"),
];

impl World {
    pub const ALL: &[World] = &[World::Backend, World::SecretResolver, World::Transport];

    /// Returns its full name.
    pub fn as_str(self) -> &'static str {
        match self {
            World::Backend => "punix:backend/backend@0.1.0",
            World::SecretResolver => "punix:resolver/secret-resolver@0.1.0",
            World::Transport => "punix:transport/transport@0.1.0",
        }
    }

    /// Returns what people call such a plugin.
    pub fn noun(self) -> &'static str {
        match self {
            World::Backend => "backend",
            World::SecretResolver => "resolver",
            World::Transport => "transport",
        }
    }

    /// Returns the package whose `api` such a plugin exports.
    pub(crate) fn package(self) -> &'static str {
        match self {
            World::Backend => "punix:backend",
            World::SecretResolver => "punix:resolver",
            World::Transport => "punix:transport",
        }
    }

    /// Tells whether plugins of this world may import an interface. Types have no functions; everybody has them.
    pub(crate) fn imports(self, interface: &InterfaceName) -> bool {
        let abilities: &[&str] = match self {
            World::Backend => &["log"],
            World::SecretResolver => &["log", "blobs", "secrets", "env", "files", "http", "clock"],
            World::Transport => &["log", "clock", "pipes", "ssh", "here", "spawn"],
        };
        match interface.package.as_str() {
            "punix:base" => interface.name == "types",
            "punix:cap" => abilities.contains(&interface.name.as_str()),
            _ => false,
        }
    }

    /// Tells whether plugins of this world may ask for something.
    pub fn offers(self, kind: Kind) -> bool {
        match self {
            World::Backend => false,
            World::SecretResolver => match kind {
                Kind::Http | Kind::Env | Kind::Files | Kind::Clock | Kind::Seal | Kind::Reveal => true,
                Kind::Process | Kind::Spawn | Kind::Ssh | Kind::Here => false,
            },
            World::Transport => match kind {
                Kind::Clock | Kind::Ssh | Kind::Here | Kind::Spawn => true,
                Kind::Http | Kind::Env | Kind::Files | Kind::Process | Kind::Seal | Kind::Reveal => false,
            },
        }
    }
}

impl Kind {
    pub const ALL: &[Kind] = &[
        Kind::Http,
        Kind::Env,
        Kind::Files,
        Kind::Process,
        Kind::Spawn,
        Kind::Ssh,
        Kind::Here,
        Kind::Clock,
        Kind::Seal,
        Kind::Reveal,
    ];

    /// Returns its word in policies and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Http => "http",
            Kind::Env => "env",
            Kind::Files => "files",
            Kind::Process => "process",
            Kind::Spawn => "spawn",
            Kind::Ssh => "ssh",
            Kind::Here => "here",
            Kind::Clock => "clock",
            Kind::Seal => "seal",
            Kind::Reveal => "reveal",
        }
    }

    /// Returns the interface in which it is used.
    pub fn interface(self) -> &'static str {
        match self {
            Kind::Seal | Kind::Reveal => "secrets",
            other => other.as_str(),
        }
    }
}

impl InterfaceName {
    /// Reads a full name.
    pub fn parse(text: &str) -> Option<InterfaceName> {
        let (path, version) = text.split_once('@')?;
        let (package, name) = path.split_once('/')?;
        let (namespace, short) = package.split_once(':')?;
        let mut numbers = version.split('.').map(number);
        let version = (numbers.next()??, numbers.next()??, numbers.next()??);
        let sound = numbers.next().is_none() && [namespace, short, name].into_iter().all(is_kebab);
        sound.then(|| InterfaceName { package: package.to_owned(), name: name.to_owned(), version })
    }

    /// Returns the package, without the version.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// Returns the name inside of the package.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Looks it up in our table. Within a generation only functions are added, so any 0.1 is our 0.1.
    pub(crate) fn known(&self) -> Known {
        let ours = INTERFACES.contains(&(self.package.as_str(), self.name.as_str()));
        match (ours, self.version) {
            (true, (0, 1, _)) => Known::Yes,
            (true, _) => Known::OtherVersion,
            (false, _) => Known::No,
        }
    }
}

impl TryFrom<String> for World {
    type Error = NotAWorld;

    fn try_from(text: String) -> Result<World, NotAWorld> {
        World::ALL.iter().copied().find(|world| world.as_str() == text).ok_or(NotAWorld { text })
    }
}

impl From<World> for String {
    fn from(world: World) -> String {
        world.as_str().to_owned()
    }
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.version;
        write!(f, "{}/{}@{major}.{minor}.{patch}", self.package, self.name)
    }
}

fn worlds() -> String {
    World::ALL.iter().map(|world| format!("`{world}`")).collect::<Vec<_>>().join(", ")
}

/// Reads a number without needless zeros.
fn number(text: &str) -> Option<u32> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_kebab(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        let name = InterfaceName::parse("punix:cap/http@0.1.0").unwrap();
        assert_eq!((name.to_string().as_str(), name.known()), ("punix:cap/http@0.1.0", Known::Yes));
        for wrong in
            ["punix:cap/http", "http@0.1.0", "punix:cap/http@0.1", "punix:cap/http@0.1.0.0", "a:b/c@01.0.0", ""]
        {
            assert_eq!(InterfaceName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_patch_is_ours_and_a_new_generation_is_not() {
        let known = |text| InterfaceName::parse(text).unwrap().known();
        assert_eq!(known("punix:cap/http@0.1.7"), Known::Yes);
        assert_eq!(known("punix:cap/http@0.2.0"), Known::OtherVersion);
        assert_eq!(known("wasi:cli/stdout@0.2.0"), Known::No);
    }

    #[test]
    fn what_a_world_offers_it_can_import() {
        for world in World::ALL {
            for kind in Kind::ALL {
                let interface = InterfaceName::parse(&format!("punix:cap/{}@0.1.0", kind.interface())).unwrap();
                assert_eq!(interface.known(), Known::Yes);
                assert_eq!(world.offers(*kind), world.imports(&interface), "{world} {kind}");
            }
        }
    }
}
