//! What wasmtime makes of the interfaces in `wit/`: types, and traits for the host's side. One copy of each interface
//! serves all three worlds.
#![allow(unreachable_pub, unused_qualifications, reason = "generated")]

/// Everything that can be imported.
pub(crate) mod cap {
    wasmtime::component::bindgen!({
        inline: "
            package punix:host;
            world abilities {
                import punix:base/types@0.1.0;
                import punix:cap/log@0.1.0;
                import punix:cap/clock@0.1.0;
                import punix:cap/blobs@0.1.0;
                import punix:cap/secrets@0.1.0;
                import punix:cap/env@0.1.0;
                import punix:cap/files@0.1.0;
                import punix:cap/http@0.1.0;
                import punix:cap/pipes@0.1.0;
                import punix:cap/ssh@0.1.0;
                import punix:cap/here@0.1.0;
                import punix:cap/spawn@0.1.0;
            }
        ",
        path: ["../../wit/base", "../../wit/cap"],
        imports: { default: trappable },
        with: {
            "punix:cap/blobs.blob": crate::runtime::resource::Blob,
            "punix:cap/blobs.sink": crate::runtime::resource::Sink,
            "punix:cap/secrets.secret": crate::runtime::resource::HeldSecret,
            "punix:cap/pipes.pipe": crate::runtime::resource::HeldPipe,
            "punix:cap/ssh.connection": crate::runtime::resource::Connection,
        },
    });
}

/// What a backend exports.
pub(crate) mod backend {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/cap", "../../wit/backend"],
        world: "punix:backend/backend@0.1.0",
        with: {
            "punix:base/types@0.1.0": crate::runtime::bindings::cap::punix::base::types,
            "punix:cap/log@0.1.0": crate::runtime::bindings::cap::punix::cap::log,
        },
    });
}

/// What a resolver exports.
pub(crate) mod resolver {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/cap", "../../wit/resolver"],
        world: "punix:resolver/secret-resolver@0.1.0",
        with: {
            "punix:base/types@0.1.0": crate::runtime::bindings::cap::punix::base::types,
            "punix:cap": crate::runtime::bindings::cap::punix::cap,
        },
    });
}

/// What a transport exports.
pub(crate) mod transport {
    wasmtime::component::bindgen!({
        path: ["../../wit/base", "../../wit/cap", "../../wit/transport"],
        world: "punix:transport/transport@0.1.0",
        with: {
            "punix:base/types@0.1.0": crate::runtime::bindings::cap::punix::base::types,
            "punix:cap": crate::runtime::bindings::cap::punix::cap,
        },
    });
}
