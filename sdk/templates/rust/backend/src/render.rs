//! What a service is on a target: a directory with a script that runs it, and a file with its environment. Pure, so that
//! `cargo test` can try everything.

use punix_sdk::backend::{Body, File, Rendering, Scope, Service, Stack, Unit};
use punix_sdk::{Error, bail_at, quote};

/// Where services are described, if the stack does not say.
const DIRECTORY: &str = "/etc/sv";

/// Renders a stack.
pub fn render(stack: &Stack) -> Result<Rendering, Error> {
    if stack.scope == Scope::User {
        bail_at!("scope", "services of one user are not run by this backend");
    }
    let directory = stack.unit_dir.as_deref().unwrap_or(DIRECTORY);
    let mut rendering = Rendering::new();
    for service in &stack.services {
        let unit = unit(stack, service);
        let files = files(&format!("{directory}/{unit}"), service).map_err(|error| error.below(&place(service)))?;
        rendering.files.extend(files.map(|file| file.restarts(&unit)));
        rendering.units.push(Unit::of(&service.name, unit));
    }
    Ok(rendering)
}

/// Returns the name of a service on the target.
pub fn unit(stack: &Stack, service: &Service) -> String {
    format!("{}-{}", stack.name, service.name)
}

fn files(directory: &str, service: &Service) -> Result<[File; 2], Error> {
    if !is_unit(&service.name) {
        bail_at!("name", "`{}` cannot be the name of a service: letters, digits, `_`, `.` and `-`", service.name);
    }
    if service.argv.is_empty() {
        bail_at!("argv", "it runs nothing");
    }
    let mut environment = Body::new();
    for (name, value) in &service.env {
        if !is_name(name) {
            bail_at!(format!("env.{name}"), "`{name}` is not the name of a variable");
        }
        let added = environment.text(format!("export {name}=")).shell_word(value);
        added.map_err(|error| error.at(format!("env.{name}")))?.text("\n");
    }
    let command = quote::shell::line(&service.argv).map_err(|error| error.at("argv"))?;
    let mut script = Body::from("#!/bin/sh\n");
    // The environment has a file of its own, which only its owner may read when there are secrets in it.
    script.line(". ./environment").line(format!("exec {command}"));
    Ok([
        File::new(format!("{directory}/environment"), environment),
        File::new(format!("{directory}/run"), script).mode(0o755),
    ])
}

fn place(service: &Service) -> String {
    format!("services.{}", service.name)
}

fn is_unit(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_sdk::backend::Chunk;

    fn stack(env: Vec<(&str, Vec<Chunk>)>) -> Stack {
        let service = Service {
            name: "web".to_owned(),
            argv: vec!["/store/web/bin/web".to_owned(), "--greeting".to_owned(), "it's".to_owned()],
            env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            depends_on: Vec::new(),
            secret_delivery: "environment-file".to_owned(),
            config: "{}".to_owned(),
        };
        Stack {
            name: "Shop".to_owned(),
            scope: Scope::System,
            services: vec![service],
            slots: Vec::new(),
            config: "{}".to_owned(),
            unit_dir: None,
        }
    }

    #[test]
    fn a_service_is_a_script_and_an_environment() {
        let rendering = render(&stack(vec![("PORT", vec![Chunk::text("8080")])])).unwrap();
        let [environment, run] = rendering.files.as_slice() else { panic!("{rendering:?}") };
        assert_eq!((environment.path.as_str(), environment.mode), ("/etc/sv/Shop-web/environment", 0o644));
        assert_eq!(environment.body, [Chunk::text("export PORT='8080'\n")]);
        assert_eq!((run.path.as_str(), run.mode), ("/etc/sv/Shop-web/run", 0o755));
        let script = "#!/bin/sh\n. ./environment\nexec '/store/web/bin/web' '--greeting' 'it'\\''s'\n";
        assert_eq!(run.body, [Chunk::text(script)]);
        assert_eq!((rendering.units[0].name.as_str(), rendering.units[0].service.as_str()), ("Shop-web", "web"));
        assert_eq!(run.restarts, ["Shop-web"]);
    }

    #[test]
    fn a_secret_is_a_place_and_its_file_is_for_its_owner() {
        let value = vec![Chunk::text("user:"), Chunk::secret(0, "raw")];
        let rendering = render(&stack(vec![("LOGIN", value)])).unwrap();
        assert_eq!(rendering.files[0].mode, 0o600);
        let expected = [Chunk::text("export LOGIN='user:'"), Chunk::secret(0, "shell.single"), Chunk::text("\n")];
        assert_eq!(rendering.files[0].body, expected);
    }

    #[test]
    fn what_cannot_be_written_is_refused_where_it_stands() {
        let error = render(&stack(vec![("A B", Vec::new())])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("services.web.env.A B"));
        let error = render(&stack(vec![("A", vec![Chunk::text("\0")])])).unwrap_err();
        assert_eq!(error.at.as_deref(), Some("services.web.env.A"));
        let mut odd = stack(Vec::new());
        odd.services[0].name = "two words".to_owned();
        assert_eq!(render(&odd).unwrap_err().at.as_deref(), Some("services.two words.name"));
        let user = Stack { scope: Scope::User, ..stack(Vec::new()) };
        assert_eq!(render(&user).unwrap_err().at.as_deref(), Some("scope"));
        let mut empty = stack(Vec::new());
        empty.services[0].argv.clear();
        assert_eq!(render(&empty).unwrap_err().at.as_deref(), Some("services.web.argv"));
    }
}
