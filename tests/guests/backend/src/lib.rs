//! A backend that misbehaves in the way that the stack's `config` says: a word, and behind `|` what it goes with. It must
//! never do anything else by itself.

mod draw;
mod steps;

use punix_sdk::backend::{Backend, Facts, Rendering, Stack, Wish};
use punix_sdk::cap::log;
use punix_sdk::{Diagnostic, Error, Info};
use std::hint::black_box;

struct Hostile;

impl Backend for Hostile {
    type Session = steps::Steps;

    fn info() -> Info {
        punix_sdk::info!("Misbehaves as it is told.")
    }

    fn check_config(config: &str) -> Vec<Diagnostic> {
        match config {
            "trap" => panic!("a configuration made it panic"),
            "loop" => endless(),
            "many" => vec![Diagnostic::error(Error::invalid("config.long", "x".repeat(1_000))); 20_000],
            "control" => vec![Diagnostic::note(Error::invalid("a\u{1b}[2Jb", "one\r\ntwo\u{202e}").at("\u{7}"))],
            _ => Vec::new(),
        }
    }

    fn render(stack: Stack, _facts: Facts) -> Result<Rendering, Error> {
        let (word, with) = stack.config.split_once('|').unwrap_or((&stack.config, ""));
        misbehave(word)?;
        draw::rendering(word, with)
    }

    fn session(stack: Stack, wishes: Vec<Wish>, _facts: Facts) -> steps::Steps {
        match stack.config.as_str() {
            "trap-at-once" => panic!("no session today"),
            "loop-at-once" => endless(),
            word => steps::Steps::new(word, wishes),
        }
    }
}

/// Does what needs no answer.
fn misbehave(word: &str) -> Result<(), Error> {
    match word {
        "loop" => endless(),
        "recurse" => Err(Error::permanent("deep", deep(1).to_string())),
        "grow" => grow(),
        "grow-quietly" => {
            while core::arch::wasm32::memory_grow::<0>(16) != usize::MAX {}
            Ok(())
        }
        "panic" => panic!("this stack is not to my liking"),
        "panic-loudly" => panic!("\u{1b}[2J{}", "na".repeat(1 << 20)),
        "unreachable" => core::arch::wasm32::unreachable(),
        "divide" => Err(Error::permanent("quotient", (7 / black_box(0)).to_string())),
        "say-much" => {
            (0..1_000_000).for_each(|number| log::info(&format!("line {number}")));
            Ok(())
        }
        "say-long" => {
            (0..300).for_each(|_| log::info(&"long ".repeat(100_000)));
            Ok(())
        }
        "say-too-long" => {
            log::info(&"x".repeat(2 << 20));
            Ok(())
        }
        "say-control" => {
            let fields = [("na\u{1b}me".to_owned(), "a\r\n[plugin] all is well\u{202e}".to_owned())];
            log::say(log::Level::Warn, "\u{1b}]0;title\u{7}\u{9b}2J\0", &fields);
            Ok(())
        }
        "refuse-long" => {
            Err(Error::new(punix_sdk::ErrorClass::Denied, "c".repeat(1 << 20), "because ".repeat(1 << 17))
                .at("a.".repeat(1 << 19)))
        }
        "refuse-control" => Err(Error::invalid("a\nb", "\u{1b}[31mred\r\nhelp: run this\u{2028}").at("x\u{0}y")),
        _ => Ok(()),
    }
}

fn endless() -> ! {
    let mut count = 0u64;
    loop {
        count = black_box(count.wrapping_add(1));
    }
}

fn deep(count: u64) -> u64 {
    let held = black_box([count; 16]);
    match black_box(true) {
        true => deep(count + 1) + held[(count % 16) as usize],
        false => 0,
    }
}

fn grow() -> ! {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(black_box(vec![1; 1 << 20]));
    }
}

punix_sdk::export_backend!(Hostile);
