//! What backends have to pass. That no answer writes where it must not, or leaves a secret readable, the host itself sees
//! to: such an answer is a fault, and so a failed check.

use super::noise::Noise;
use super::{Check, Wrong, answered, check, wrong};
use crate::host::TestHost;
use crate::stack::{facts, stack_from_json};
use punix_model::{
    Action, Backend, CallFault, Chunk, Command, Encoding, Facts, Observation, Rendering, Scope, Stack, Step, Unit, Wish,
};

const ACTIONS: &[Action] = &[
    Action::Start,
    Action::Stop,
    Action::Restart,
    Action::Reload,
    Action::Enable,
    Action::Disable,
    Action::Remove,
    Action::Status,
    Action::Logs,
];

/// A session that is still going on after so many steps goes in circles.
const STEPS_MAX: u32 = 200;

const PLAIN: &str = r#"{
    "name": "Web",
    "services": [
        {"name": "db", "argv": ["/store/db/bin/db", "--quiet"]},
        {"name": "web", "argv": ["/store/web/bin/web", "--port", "80"], "dependsOn": ["db"],
         "environment": {"MODE": "fast", "NAME": "web"}}
    ]
}"#;

const SECRET: &str = r#"{
    "name": "Web",
    "services": [{"name": "web", "argv": ["/store/web/bin/web"],
        "environment": {"MODE": "fast", "PASSWORD": {"from_env": "PASSWORD"}, "TOKEN": {"from_file": "token"}}}]
}"#;

/// What the commands of a session do: from how many there were before to a code and what is printed.
type Answering<'a> = dyn FnMut(usize, &Command) -> (i32, String) + 'a;

/// Values that someone wrote without thinking of whoever reads them.
const TORTURE: &[&str] = &[
    "two words",
    "\"",
    "'",
    "\\",
    "ends with \\",
    "%",
    "%h",
    "$HOME",
    "${X}",
    "`id`",
    "; rm -rf",
    "# no comment",
    "=",
    "\t",
    " leading",
    "trailing ",
    "",
    "ä€😀",
    "line\nbreak",
    "\r",
    "a\u{0}b",
    "[section]",
    "key=value",
    "-dash",
    "{{x}}",
    "\u{1b}[2J",
];

pub(super) fn checks(host: &TestHost) -> Vec<Check> {
    vec![
        check("renders a plain stack", || plain(host)),
        check("renders the same twice", || twice(host)),
        check("does not go by the numbers of secrets", || renumbered(host)),
        check("bears or refuses every value", || tortured(host)),
        check("renders for one user", || for_one_user(host)),
        check("ends every session, whatever is observed", || sessions(host)),
    ]
}

fn render(host: &TestHost, stack: &Stack, facts: &Facts) -> Result<Rendering, Wrong> {
    Ok(backend(host)?.render(stack, facts)?)
}

fn backend(host: &TestHost) -> Result<punix_plugin::runtime::BackendPlugin, Wrong> {
    match host.backend()? {
        Some(backend) => Ok(backend),
        None => wrong("it is no backend"),
    }
}

fn given(text: &str) -> (Stack, Facts) {
    stack_from_json(text).expect("the kit's own stacks are sound")
}

fn plain(host: &TestHost) -> Result<(), Wrong> {
    let (stack, facts) = given(PLAIN);
    let rendering = render(host, &stack, &facts)?;
    if rendering.files.is_empty() || rendering.units.is_empty() {
        return wrong("two services, and no file or nothing to start");
    }
    for service in &stack.services {
        if !rendering.units.iter().any(|unit| unit.service == service.name) {
            return wrong(format!("nothing to start for the service `{}`", service.name));
        }
    }
    let place = |service: &str| rendering.units.iter().position(|unit| unit.service == service);
    if place("db") > place("web") {
        return wrong("`web` depends on `db` and comes before it");
    }
    Ok(())
}

fn twice(host: &TestHost) -> Result<(), Wrong> {
    for text in [PLAIN, SECRET] {
        let (stack, facts) = given(text);
        if render(host, &stack, &facts)? != render(host, &stack, &facts)? {
            return wrong("two fresh instances rendered one stack differently");
        }
    }
    Ok(())
}

fn renumbered(host: &TestHost) -> Result<(), Wrong> {
    let (stack, facts) = given(SECRET);
    let other = |id: u32| 1_000 - id;
    let mut changed = stack.clone();
    changed.slots.iter_mut().for_each(|slot| slot.id = other(slot.id));
    changed.slots.reverse();
    for (_, value) in changed.services.iter_mut().flat_map(|service| &mut service.env) {
        renumber(value, other);
    }
    let mut rendering = render(host, &stack, &facts)?;
    rendering.files.iter_mut().for_each(|file| renumber(&mut file.body, other));
    if rendering != render(host, &changed, &facts)? {
        return wrong("with other numbers of the same secrets, something else came out");
    }
    Ok(())
}

fn renumber(chunks: &mut [Chunk], other: impl Fn(u32) -> u32) {
    for chunk in chunks {
        if let Chunk::Secret(id, _) = chunk {
            *id = other(*id);
        }
    }
}

fn tortured(host: &TestHost) -> Result<(), Wrong> {
    let backend = backend(host)?;
    let (start, facts) = given(SECRET);
    for value in TORTURE {
        let text = |text: &str| vec![Chunk::Text(text.to_owned())];
        let mut as_value = start.clone();
        let mut as_argument = start.clone();
        let mut as_key = start.clone();
        for service in &mut as_value.services {
            service.env.push(("VALUE".to_owned(), text(value)));
            let secret = Chunk::Secret(0, Encoding("raw".to_owned()));
            service.env.push(("WITHIN".to_owned(), vec![Chunk::Text((*value).to_owned()), secret]));
        }
        as_argument.services.iter_mut().for_each(|service| service.argv.push((*value).to_owned()));
        as_key.services.iter_mut().for_each(|service| service.env.push(((*value).to_owned(), text("x"))));
        for stack in [as_value, as_argument, as_key] {
            answered(backend.render(&stack, &facts))?;
        }
        let mut as_name = start.clone();
        as_name.services.iter_mut().for_each(|service| service.name = (*value).to_owned());
        answered(backend.render(&as_name, &facts))?;
    }
    Ok(())
}

fn for_one_user(host: &TestHost) -> Result<(), Wrong> {
    let (stack, _) = given(PLAIN);
    let stack = Stack { scope: Scope::User, ..stack };
    let facts = facts(Some("/home/me".to_owned()));
    let Some(rendering) = answered(backend(host)?.render(&stack, &facts))? else {
        return Ok(());
    };
    match rendering.files.iter().find(|file| !file.path.starts_with("/home/me/")) {
        Some(file) => wrong(format!("for one user, it writes `{}`, which is not in the home", file.path)),
        None => Ok(()),
    }
}

fn sessions(host: &TestHost) -> Result<(), Wrong> {
    let backend = backend(host)?;
    let (stack, facts) = given(PLAIN);
    let units = backend.render(&stack, &facts)?.units;
    if !matches!(first_step(&backend, &stack, &facts, &[])?, Step::Done(_)) {
        return wrong("nothing was wished, and something is to be done");
    }
    for action in ACTIONS {
        let wishes = wishes(&units, *action);
        let mut noise = Noise::new(7);
        let answers: [&mut Answering<'_>; 4] = [
            &mut |_, _| (0, String::new()),
            &mut |_, _| (1, String::new()),
            &mut |at, _| (i32::from(at % 2 == 1), "active\n".to_owned()),
            &mut |_, _| {
                let code = i32::try_from(noise.below(6)).unwrap_or(0) - 2;
                (code, noise.text(40))
            },
        ];
        for answer in answers {
            ends(&backend, &stack, &facts, &wishes, answer)?;
        }
    }
    Ok(())
}

fn wishes(units: &[Unit], action: Action) -> Vec<Wish> {
    units.iter().map(|unit| Wish { unit: unit.name.clone(), action }).collect()
}

fn first_step(backend: &dyn Backend, stack: &Stack, facts: &Facts, wishes: &[Wish]) -> Result<Step, CallFault> {
    backend.session(stack, wishes, facts)?.next(&[])
}

fn ends(
    backend: &dyn Backend,
    stack: &Stack,
    facts: &Facts,
    wishes: &[Wish],
    answer: &mut Answering<'_>,
) -> Result<(), Wrong> {
    let mut session = backend.session(stack, wishes, facts)?;
    let mut seen: Vec<Observation> = Vec::new();
    let mut count = 0;
    for _ in 0..STEPS_MAX {
        let (commands, all) = match session.next(&seen)? {
            Step::Done(_) | Step::Fail(_) => return Ok(()),
            Step::WaitMs(_) => (Vec::new(), true),
            Step::Run(commands) => (commands, false),
            Step::Ask(commands) => (commands, true),
        };
        seen = Vec::new();
        for (at, command) in commands.iter().enumerate() {
            let (code, text) = answer(count, command);
            count += 1;
            let command = u32::try_from(at).unwrap_or(u32::MAX);
            seen.push(Observation { command, code, stdout: text.clone(), stderr: text });
            if code != 0 && !all {
                break;
            }
        }
    }
    wrong(format!("a session does not end within {STEPS_MAX} steps"))
}
