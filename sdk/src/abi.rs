//! What is made from the WIT: the abilities once, and the exported half of each world beside them. `meta`, which every
//! world exports, has a half of its own, since its macro may be there only once.
//!
//! Nothing is written by hand here, and nothing but [`crate`] uses the paths: authors use the modules named after the
//! worlds.

/// Abilities, as they are imported. What a guest does not call, its component does not import.
pub mod abilities {
    wit_bindgen::generate!({
        inline: "
            package punix:sdk-abilities;
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
        path: ["../wit/base", "../wit/cap"],
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Eq],
        additional_derives_ignore: ["value", "request", "response"],
        pub_export_macro: true,
    });
}

/// What every plugin says about itself.
pub mod meta {
    wit_bindgen::generate!({
        inline: "
            package punix:sdk-meta;
            world described {
                export punix:base/meta@0.1.0;
            }
        ",
        path: ["../wit/base"],
        with: { "punix:base/types@0.1.0": crate::abi::abilities::punix::base::types },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_meta",
        default_bindings_module: "punix_sdk::abi::meta",
    });
}

/// The `api` of a backend.
pub mod backend {
    wit_bindgen::generate!({
        inline: "
            package punix:sdk-backend;
            world rendering {
                import punix:cap/log@0.1.0;
                export punix:backend/api@0.1.0;
            }
        ",
        path: ["../wit/base", "../wit/cap", "../wit/backend"],
        with: {
            "punix:base/types@0.1.0": crate::abi::abilities::punix::base::types,
            "punix:cap/log@0.1.0": crate::abi::abilities::punix::cap::log,
        },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_backend_api",
        default_bindings_module: "punix_sdk::abi::backend",
    });
}

/// The `api` of a resolver.
pub mod resolver {
    wit_bindgen::generate!({
        inline: "
            package punix:sdk-resolver;
            world resolving {
                export punix:resolver/api@0.1.0;
            }
        ",
        path: ["../wit/base", "../wit/cap", "../wit/resolver"],
        with: {
            "punix:base/types@0.1.0": crate::abi::abilities::punix::base::types,
            "punix:cap/blobs@0.1.0": crate::abi::abilities::punix::cap::blobs,
            "punix:cap/secrets@0.1.0": crate::abi::abilities::punix::cap::secrets,
        },
        pub_export_macro: true,
        export_macro_name: "export_resolver_api",
        default_bindings_module: "punix_sdk::abi::resolver",
    });
}

/// The `api` of a transport.
pub mod transport {
    wit_bindgen::generate!({
        inline: "
            package punix:sdk-transport;
            world reaching {
                export punix:transport/api@0.1.0;
            }
        ",
        path: ["../wit/base", "../wit/cap", "../wit/transport"],
        with: {
            "punix:base/types@0.1.0": crate::abi::abilities::punix::base::types,
            "punix:cap/pipes@0.1.0": crate::abi::abilities::punix::cap::pipes,
        },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_transport_api",
        default_bindings_module: "punix_sdk::abi::transport",
    });
}
