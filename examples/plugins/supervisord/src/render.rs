//! All that a stack is on a target: per service a section and a script.

use crate::program;
use crate::script::script;
use punix_sdk::backend::{Body, Facts, File, Rendering, Scope, Stack, Unit};
use punix_sdk::{Error, bail_at};

/// A script may hold secrets, and supervisord reads it as root.
const SCRIPT_MODE: u32 = 0o600;

/// Renders a stack.
pub(crate) fn render(stack: &Stack, facts: &Facts) -> Result<Rendering, Error> {
    if !stack.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) || stack.name.is_empty() {
        bail_at!("name", code = "supervisord.name", "this cannot be the name of a stack");
    }
    if !matches!(stack.config.trim(), "" | "{}") {
        bail_at!("config", code = "supervisord.config", "supervisord has no fields of a whole stack");
    }
    let (sections, scripts) = directories(stack, facts)?;
    let order = order(stack)?;
    let (mut files, mut units) = (Vec::new(), Vec::new());
    for (number, service) in order.iter().filter_map(|&at| stack.services.get(at)).enumerate() {
        let place = format!("services.{}", service.name);
        let below = |error: Error| error.below(&place);
        if !is_name(&service.name) {
            bail_at!("services", code = "supervisord.name", "there is a service whose name supervisord cannot have");
        }
        if service.secret_delivery == "credential" {
            bail_at!(
                format!("{place}.secretDelivery"),
                code = "supervisord.delivery",
                "supervisord has no credentials"
            );
        }
        let settings = program::settings(&service.config).map_err(below)?;
        // Stacks share one supervisord; a stack's name has no dot, so no two programs have one name.
        let name = format!("{}.{}", stack.name, service.name);
        let path = format!("{scripts}/{}.sh", service.name);
        let body = script(stack, service, settings.user.as_deref()).map_err(below)?;
        let section = settings.section(&name, &path, number);
        let conf = format!("{sections}/punix-{name}.conf");
        files.push(File::new(path, body).mode(SCRIPT_MODE).restarts(&name));
        files.push(File::new(conf, Body::from(section.as_str())).restarts(&name));
        units.push(Unit::of(&service.name, name));
    }
    Ok(Rendering { files, units, notes: Vec::new() })
}

/// Returns where sections and scripts go. What stands in a command of supervisord needs no quoting then.
fn directories(stack: &Stack, facts: &Facts) -> Result<(String, String), Error> {
    let plain = |path: &str| {
        path.strip_prefix('/').is_some_and(|parts| {
            let allowed = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-+@".contains(&b));
            parts.split('/').all(|part| !matches!(part, "" | "." | "..") && allowed(part))
        })
    };
    let (sections, scripts) = match (stack.scope, facts.home.as_deref(), stack.unit_dir.as_deref()) {
        (Scope::System, _, dir) => (dir.unwrap_or("/etc/supervisor/conf.d"), format!("/etc/punix/env/{}", stack.name)),
        (Scope::User, Some(home), Some(dir)) => (dir, format!("{home}/.config/punix/env/{}", stack.name)),
        (Scope::User, _, None) => {
            bail_at!(
                "scope",
                code = "supervisord.scope",
                "one user's supervisord has no usual place: `--unit-dir` has to name it"
            )
        }
        (Scope::User, None, _) => bail_at!("scope", code = "supervisord.scope", "the user's home is not known"),
    };
    if !plain(sections) || !plain(&scripts) {
        bail_at!(
            "unit-dir",
            code = "supervisord.path",
            "a path in a command of supervisord must be plain and absolute"
        );
    }
    Ok((sections.to_owned(), scripts))
}

/// Puts services behind those that they depend on.
fn order(stack: &Stack) -> Result<Vec<usize>, Error> {
    let mut order: Vec<usize> = Vec::new();
    let known = |name: &String| stack.services.iter().any(|service| service.name == *name);
    while order.len() < stack.services.len() {
        let placed =
            |name: &String| order.iter().filter_map(|&at| stack.services.get(at)).any(|service| service.name == *name);
        let next = stack.services.iter().enumerate().find(|(at, service)| {
            !order.contains(at) && service.depends_on.iter().all(|name| placed(name) || !known(name))
        });
        let Some((at, _)) = next else {
            bail_at!("services", code = "supervisord.depends-on", "there are services that wait for each other");
        };
        order.push(at);
    }
    Ok(order)
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use punix_sdk::backend::{Chunk, Service, Shape, Slot};

    fn stack() -> Stack {
        let secret = Chunk::Secret((4, "raw".to_owned()));
        let api = Service {
            name: "api".to_owned(),
            argv: ["/store/x/bin/api", "it's 50%", ""].map(str::to_owned).to_vec(),
            env: vec![
                ("LEVEL".to_owned(), vec![Chunk::Text("a;b $c\n".to_owned())]),
                ("TOKEN".to_owned(), vec![Chunk::Text("Bearer ".to_owned()), secret]),
            ],
            depends_on: vec!["db".to_owned()],
            secret_delivery: "environment-file".to_owned(),
            config: r#"{"serviceConfig":{"user":"web"}}"#.to_owned(),
        };
        let db = Service {
            name: "db".to_owned(),
            env: Vec::new(),
            depends_on: Vec::new(),
            config: String::new(),
            ..api.clone()
        };
        let slot = Slot { id: 4, name: "from_env:T".to_owned(), shape: Shape::Text };
        let services = vec![api, db];
        Stack {
            name: "Web".to_owned(),
            scope: Scope::System,
            services,
            slots: vec![slot],
            config: "{}".to_owned(),
            unit_dir: None,
        }
    }

    fn facts() -> Facts {
        let text = String::new;
        Facts {
            os: text(),
            arch: text(),
            init_version: text(),
            home: Some("/home/ann".to_owned()),
            attributes: Vec::new(),
        }
    }

    fn text(file: &File) -> String {
        let chunk = |chunk: &Chunk| match chunk {
            Chunk::Text(text) => text.clone(),
            Chunk::Secret((slot, encoding)) => format!("<{slot} {encoding}>"),
        };
        file.body.iter().map(chunk).collect()
    }

    #[test]
    fn a_stack_is_sections_and_scripts_in_the_order_of_starting() {
        let rendering = render(&stack(), &facts()).unwrap();
        let paths: Vec<(&str, u32)> = rendering.files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
        assert_eq!(
            paths,
            [
                ("/etc/punix/env/Web/db.sh", 0o600),
                ("/etc/supervisor/conf.d/punix-Web.db.conf", 0o644),
                ("/etc/punix/env/Web/api.sh", 0o600),
                ("/etc/supervisor/conf.d/punix-Web.api.conf", 0o644),
            ]
        );
        let units: Vec<&str> = rendering.units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(units, ["Web.db", "Web.api"]);
        let expected = "#!/bin/sh\n# Written by punix; it is read again at the next start.\nexport LEVEL='a;b $c\n'\n\
                        export TOKEN='Bearer '<4 shell.single>\nexec /usr/bin/setpriv --reuid=web \
                        --regid=\"$(/usr/bin/id -g web)\" --init-groups -- '/store/x/bin/api' 'it'\\''s 50%' ''\n";
        assert_eq!(text(&rendering.files[2]), expected);
        let expected = "[program:Web.api]\ncommand=/bin/sh /etc/punix/env/Web/api.sh\nautorestart=unexpected\nautostart=true\n\
                        priority=101\n";
        assert_eq!(text(&rendering.files[3]), expected);
        assert!(rendering.files.iter().all(|file| file.restarts.len() == 1));
    }

    #[test]
    fn refusals_are_placed() {
        let check = |change: &dyn Fn(&mut Stack), at: &str| {
            let mut stack = stack();
            change(&mut stack);
            assert_eq!(render(&stack, &facts()).unwrap_err().at.as_deref(), Some(at));
        };
        check(&|stack| stack.name = "a.b".to_owned(), "name");
        check(&|stack| stack.services[0].name = "a:b".to_owned(), "services");
        check(&|stack| stack.services[1].depends_on = vec!["api".to_owned()], "services");
        check(&|stack| stack.services[0].argv[0] = "/store/../bin/sh".to_owned(), "services.api.argv.0");
        check(&|stack| stack.services[0].argv[1] = "\0".to_owned(), "services.api.argv.1");
        check(&|stack| stack.services[0].env[0].0 = "lower-case".to_owned(), "services.api.env.lower-case");
        check(&|stack| stack.services[0].env[0].0 = "UID".to_owned(), "services.api.env.UID");
        check(&|stack| stack.slots[0].shape = Shape::Binary, "services.api.env.TOKEN");
        check(&|stack| stack.slots.clear(), "services.api.env.TOKEN");
        check(&|stack| stack.services[0].secret_delivery = "credential".to_owned(), "services.api.secretDelivery");
        check(
            &|stack| stack.services[0].config = r#"{"serviceConfig":{"x":1}}"#.to_owned(),
            "services.api.serviceConfig.x",
        );
        check(&|stack| stack.scope = Scope::User, "scope");
        check(&|stack| stack.unit_dir = Some("/a b".to_owned()), "unit-dir");
    }
}
