//! Where secrets come from. A resolver steers: the host asks, holds what was answered, and gives handles.

use crate::abi::resolver::exports::punix::resolver::api;
use crate::{Diagnostic, Error, Info, panic};
use std::marker::PhantomData;

pub use crate::abi::abilities::punix::cap::secrets::Secret;
pub use api::{Request, Resolved};

/// A resolver. Implement it, and hand the type to [`export_resolver!`](crate::export_resolver).
pub trait Resolver: 'static {
    /// Says what the plugin is.
    fn info() -> Info;

    /// Says what is wrong with a configuration, a JSON text. It must not panic, whatever the text is.
    fn check_config(config: &str) -> Vec<Diagnostic> {
        let _ = config;
        Vec::new()
    }

    /// Finds all the secrets of one run: one login, one read of each place. An answer for each request, in their order.
    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>>;

    /// Reads a reference without asking anybody, and returns its one form.
    fn parse(reference: &str) -> Result<String, Error>;
}

impl Request {
    /// Returns what to log in with, by its name in the configuration.
    pub fn credential(&self, name: &str) -> Option<&Secret> {
        self.credentials.iter().find(|(known, _)| known == name).map(|(_, secret)| secret)
    }
}

impl From<Secret> for Resolved {
    /// A secret that has no versions and does not end.
    fn from(value: Secret) -> Resolved {
        Resolved { value, version: None, ttl_ms: None, renewable: false }
    }
}

/// Exports a [`Resolver`].
#[macro_export]
macro_rules! export_resolver {
    ($resolver:ty) => {
        #[allow(unused_qualifications, unreachable_pub)]
        const _: () = {
            type PunixExported = $crate::resolver::Exported<$resolver>;
    $crate::abi::meta::export_meta!(PunixExported with_types_in $crate::abi::meta);
    $crate::abi::resolver::export_resolver_api!(PunixExported with_types_in $crate::abi::resolver);
        };
    };
}

/// Stands between the interface and the trait.
#[doc(hidden)]
pub struct Exported<R>(PhantomData<R>);

impl<R: Resolver> crate::abi::meta::exports::punix::base::meta::Guest for Exported<R> {
    fn describe() -> Info {
        panic::install();
        R::info()
    }

    fn check_config(config: String) -> Vec<Diagnostic> {
        panic::install();
        R::check_config(&config)
    }
}

impl<R: Resolver> api::Guest for Exported<R> {
    fn resolve_all(requests: Vec<Request>) -> Vec<Result<Resolved, Error>> {
        panic::install();
        R::resolve_all(requests)
    }

    fn parse(reference: String) -> Result<String, Error> {
        panic::install();
        R::parse(&reference)
    }
}
