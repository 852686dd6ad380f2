//! The fields of packages, stacks and fleets: data, in one place.

use super::super::World;
use super::super::field::{FieldSpec, Kind, Shape};
use Kind::{Any, Bool, Int, Reference, Text};

fn must(name: &str, kind: Kind) -> FieldSpec {
    FieldSpec { name: name.to_owned(), kind, required: true }
}

fn may(name: &str, kind: Kind) -> FieldSpec {
    FieldSpec { name: name.to_owned(), kind, required: false }
}

fn list(kind: Kind) -> Kind {
    Kind::List(Box::new(kind))
}

fn map(kind: Kind) -> Kind {
    Kind::Map(Box::new(kind))
}

fn record(fields: Vec<FieldSpec>) -> Kind {
    Kind::Record(Shape { fields, open: false })
}

fn one_of(words: &[&str]) -> Kind {
    Kind::OneOf(words.iter().map(|&word| word.to_owned()).collect())
}

/// What the recipe and the source have to say is checked when the package is built.
pub(super) fn package() -> Shape {
    let fields = vec![
        must("recipe", Text),
        may("pname", Text),
        may("version", Text),
        may("source", map(Any)),
        may("recipeArgs", map(Any)),
        may("deps", list(Text)),
        may("meta", map(Any)),
    ];
    Shape { fields, open: false }
}

/// The language's own fields of a stack, and those that backend plugins declare.
pub(super) fn stack(world: &World) -> Shape {
    let mut service_fields = service();
    let mut fields = vec![
        must("backend", Text),
        may("scope", one_of(&["system", "user"])),
        may("storeModules", list(Text)),
        may("configFiles", list(record(config_file()))),
        may("dataFiles", list(Text)),
        may("configModules", list(Text)),
        may("systemUsers", list(record(vec![must("name", Text), may("group", Text), may("home", Text)]))),
        may("systemGroups", list(Text)),
        may("tls", record(tls())),
        may("producesArtifacts", list(record(artifact()))),
    ];
    fields.extend(generators());
    for backend in &world.backends {
        fields.extend(backend.stack.iter().cloned());
        service_fields.extend(backend.service.iter().cloned());
    }
    fields.push(may("services", list(Kind::Either(vec![Text, record(service_fields)]))));
    Shape { fields, open: false }
}

fn service() -> Vec<FieldSpec> {
    let directive = || map(Kind::Either(vec![Text, Bool, Int]));
    vec![
        must("name", Text),
        must("package", Text),
        must("binary", Text),
        may("args", list(Text)),
        may("dependsOn", list(Text)),
        may("environment", map(Reference)),
        may("environmentFile", Bool),
        may("secretDelivery", one_of(&["environment-file", "credential", "inline"])),
        may("serviceConfig", directive()),
        may("timer", directive()),
        may("tmpfiles", list(Text)),
        may("enable", Bool),
        may("health", map(Any)),
        may("reloads", Bool),
    ]
}

fn config_file() -> Vec<FieldSpec> {
    vec![
        must("path", Text),
        may("content", Text),
        may("source", Text),
        may("exclude", list(Text)),
        may("secret", Bool),
        may("mode", Text),
        may("owner", Text),
        may("group", Text),
        may("restarts", list(Text)),
        may("reloads", list(Text)),
    ]
}

fn tls() -> Vec<FieldSpec> {
    vec![
        may("acme", Bool),
        may("email", Text),
        must("domains", list(Text)),
        may("restarts", list(Text)),
        may("reloads", list(Text)),
    ]
}

fn artifact() -> Vec<FieldSpec> {
    vec![must("name", Text), must("kind", Text), may("value", Text), may("fromCert", Text)]
}

/// Fields that generator plugins render: web servers, databases, mail and so on.
fn generators() -> Vec<FieldSpec> {
    let location =
        || record(vec![must("path", Text), must("proxyPass", Text), may("websocket", Bool), may("readTimeout", Int)]);
    let proxy = vec![
        must("serverName", Text),
        must("proxyPass", Text),
        may("tls", Bool),
        may("websocket", Bool),
        may("listen", Int),
        may("allowMethods", list(Text)),
        may("allowIps", list(Text)),
        may("denyIps", list(Text)),
        may("blockUserAgents", list(Text)),
        may("extraLocations", list(location())),
        may("clientMaxBodySize", Text),
    ];
    let site = vec![must("serverName", Text), must("root", Text), may("listen", Int)];
    let redirect = vec![must("serverName", Text), must("to", Text), may("preservePath", Bool), may("permanent", Bool)];
    let stream = vec![must("listen", Int), must("proxyPass", Text)];
    let user = vec![must("name", Text), may("ensureDBOwnership", list(Text)), may("password", Reference)];
    let database = vec![
        must("engine", Text),
        must("service", Text),
        may("ensureDatabases", list(Text)),
        may("ensureUsers", list(record(user))),
    ];
    let scrape =
        vec![must("jobName", Text), must("targets", list(Text)), may("metricsPath", Text), may("scheme", Text)];
    let replica = vec![must("type", Text), may("bucket", Text), must("path", Text)];
    let replicated = vec![must("path", Text), must("replicas", list(record(replica)))];
    let peer = vec![must("publicKey", Text), must("allowedIps", Text), may("endpoint", Text)];
    let wireguard = vec![
        may("interface", Text),
        must("address", Text),
        must("privateKey", Reference),
        may("listenPort", Int),
        may("peers", list(record(peer))),
    ];
    let mail = vec![
        must("hostname", Text),
        may("domain", Text),
        may("domains", list(Text)),
        may("tls", Bool),
        may("ldap", map(Any)),
        may("accounts", list(map(Any))),
        may("rspamd", Any),
        may("dovecotVersion", Text),
    ];
    vec![
        may("staticSites", list(record(site))),
        may("reverseProxies", list(record(proxy))),
        may("redirects", list(record(redirect))),
        may("streamProxies", list(record(stream))),
        may("databases", list(record(database))),
        may("prometheus", record(vec![may("scrapeInterval", Text), may("scrapeConfigs", list(record(scrape)))])),
        may("litestream", record(vec![must("dbs", list(record(replicated)))])),
        may("wireguard", record(wireguard)),
        may("mail", record(mail)),
    ]
}

pub(super) fn fleet() -> Shape {
    let host = vec![
        must("file", Kind::Either(vec![Text, list(Text)])),
        must("stack", Text),
        must("target", Text),
        may("machine", Text),
    ];
    let fact = || Kind::Either(vec![Text, Int]);
    let fields = vec![
        must("hosts", list(record(host))),
        may("machines", map(map(fact()))),
        may("globals", map(fact())),
        may("uniqueFields", list(Text)),
    ];
    Shape { fields, open: false }
}
