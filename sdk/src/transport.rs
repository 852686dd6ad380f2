//! How a program is started on a target. A transport opens the way; what goes over the pipe never comes into it.

use crate::abi::transport::exports::punix::transport::api;
use crate::{Diagnostic, Error, Info, panic};
use std::cell::RefCell;
use std::marker::PhantomData;

pub use crate::abi::abilities::punix::cap::pipes::Pipe;
pub use api::Endpoint;

/// A transport. Implement it, and hand the type to [`export_transport!`](crate::export_transport).
pub trait Transport: 'static {
    /// An open way to a target.
    type Link: Link;

    /// Says what the plugin is.
    fn info() -> Info;

    /// Says what is wrong with a configuration, a JSON text. It must not panic, whatever the text is.
    fn check_config(config: &str) -> Vec<Diagnostic> {
        let _ = config;
        Vec::new()
    }

    /// Refuses what cannot be reached, or completes it. Two texts for one target have to come out equal. Nobody is asked.
    fn normalise(to: Endpoint) -> Result<Endpoint, Error>;

    /// Opens the way to a target.
    fn open(to: Endpoint) -> Result<Self::Link, Error>;
}

/// An open way to a target.
pub trait Link: 'static {
    /// Starts a program there.
    fn start(&mut self, argv: Vec<String>) -> Result<Pipe, Error>;

    /// Closes it. Pipes that were started stay open.
    fn close(self) -> Result<(), Error>;
}

impl Endpoint {
    /// Returns an option that the operator gave.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Exports a [`Transport`].
#[macro_export]
macro_rules! export_transport {
    ($transport:ty) => {
        #[allow(unused_qualifications, unreachable_pub)]
        const _: () = {
            type PunixExported = $crate::transport::Exported<$transport>;
    $crate::abi::meta::export_meta!(PunixExported with_types_in $crate::abi::meta);
    $crate::abi::transport::export_transport_api!(PunixExported with_types_in $crate::abi::transport);
        };
    };
}

/// Stands between the interface and the trait.
#[doc(hidden)]
pub struct Exported<T>(PhantomData<T>);

/// Holds a link, which the host has a handle of.
#[doc(hidden)]
pub struct Held<T: Transport>(RefCell<T::Link>);

impl<T: Transport> crate::abi::meta::exports::punix::base::meta::Guest for Exported<T> {
    fn describe() -> Info {
        panic::install();
        T::info()
    }

    fn check_config(config: String) -> Vec<Diagnostic> {
        panic::install();
        T::check_config(&config)
    }
}

impl<T: Transport> api::Guest for Exported<T> {
    type Link = Held<T>;

    fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
        panic::install();
        T::normalise(to)
    }
}

impl<T: Transport> api::GuestLink for Held<T> {
    fn open(to: Endpoint) -> Result<api::Link, Error> {
        panic::install();
        let link = T::open(to)?;
        Ok(api::Link::new(Held::<T>(RefCell::new(link))))
    }

    fn start(&self, argv: Vec<String>) -> Result<Pipe, Error> {
        self.0.borrow_mut().start(argv)
    }

    fn close(this: api::Link) -> Result<(), Error> {
        this.into_inner::<Held<T>>().0.into_inner().close()
    }
}
