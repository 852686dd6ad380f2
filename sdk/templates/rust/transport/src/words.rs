//! The words of the program that reaches into a container. Pure, so that `cargo test` can try everything.

use punix_sdk::transport::Endpoint;
use punix_sdk::{Error, bail_at};

/// The program, if the operator names no other.
pub const DOCKER: &str = "/usr/bin/docker";

/// Completes and refuses: what comes out is equal for all texts that mean one container.
pub fn normalise(to: Endpoint) -> Result<Endpoint, Error> {
    if to.port.is_some() {
        bail_at!("port", code = "punix-template.port", "a container has no port");
    }
    if let Some(path) = to.path.as_deref().filter(|path| *path != "/") {
        bail_at!("path", code = "punix-template.path", "a container is not reached by a path such as `{path}`");
    }
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    // A name that began with `-` would be taken for an option.
    if !to.host.bytes().all(is_name) || !to.host.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        bail_at!("host", code = "punix-template.name", "`{}` is not the name of a container", to.host);
    }
    Ok(Endpoint { path: None, ..to })
}

/// Returns the words that start a program in a container.
pub fn words(to: &Endpoint, argv: &[String]) -> Vec<String> {
    let program = to.option("docker").unwrap_or(DOCKER);
    let mut words = vec![program.to_owned(), "exec".to_owned(), "-i".to_owned()];
    if let Some(user) = &to.user {
        words.extend(["--user".to_owned(), user.clone()]);
    }
    words.push(to.host.clone());
    words.extend_from_slice(argv);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint {
            scheme: "punix-template".to_owned(),
            user: None,
            host: host.to_owned(),
            port: None,
            path: None,
            options: Vec::new(),
        }
    }

    #[test]
    fn two_texts_for_one_container_come_out_equal() {
        let with_slash = Endpoint { path: Some("/".to_owned()), ..endpoint("web-1") };
        assert_eq!(normalise(with_slash).unwrap(), normalise(endpoint("web-1")).unwrap());
    }

    #[test]
    fn what_is_no_container_is_refused() {
        let refused = |to: Endpoint| normalise(to).unwrap_err().at.unwrap();
        assert_eq!(refused(Endpoint { port: Some(22), ..endpoint("web") }), "port");
        assert_eq!(refused(Endpoint { path: Some("/x".to_owned()), ..endpoint("web") }), "path");
        for host in ["", "-it", "a b", "a/b"] {
            assert_eq!(refused(endpoint(host)), "host", "{host}");
        }
    }

    #[test]
    fn words_name_program_user_and_container() {
        let argv = ["/bin/x".to_owned(), "a b".to_owned()];
        assert_eq!(words(&endpoint("web"), &argv), [DOCKER, "exec", "-i", "web", "/bin/x", "a b"]);
        let other = Endpoint {
            user: Some("app".to_owned()),
            options: vec![("docker".to_owned(), "/opt/docker".to_owned())],
            ..endpoint("web")
        };
        assert_eq!(words(&other, &argv)[..6], ["/opt/docker", "exec", "-i", "--user", "app", "web"]);
    }
}
