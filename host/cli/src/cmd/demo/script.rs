//! What is shown, in its order.

/// One step of the demo.
pub(super) enum Step {
    /// A line between commands.
    Say(&'static str),
    /// A command, and the exit code that it has to have.
    Run { words: Vec<&'static str>, wanted: i32 },
    /// A change to a file, told by the line before.
    Change { file: &'static str, from: &'static str, to: &'static str },
}

/// Returns the steps. Where builds cannot be kept apart they are not.
pub(super) fn steps(is_apart: bool) -> Vec<Step> {
    let run = |words: &'static str| Step::Run { words: words.split(' ').collect(), wanted: 0 };
    let build = match is_apart {
        true => "build app.pcl",
        false => "build app.pcl --no-sandbox",
    };
    vec![
        Step::Say("A project: a program in PCL, and what its package is built from."),
        run("init"),
        run("check app.pcl"),
        Step::Say("The package is built into a store, under a name that says what it is built from."),
        run(build),
        Step::Say("What a deploy would do. The directory `try` stands for the `/` of a machine."),
        run("service plan AppStack --file app.pcl --transport-root try"),
        Step::Say("The same, done: the first generation."),
        run("service deploy AppStack --file app.pcl --transport-root try"),
        Step::Say("In app.pcl the greeting becomes \"good morning\". Only what reads it changes."),
        Step::Change { file: "app.pcl", from: "Str = \"hello\"", to: "Str = \"good morning\"" },
        run("service deploy AppStack --file app.pcl --transport-root try"),
        run("service diff AppStack 1 2 --transport-root try"),
        Step::Say("Somebody changes a file by hand. It is found, and the exit code is 1."),
        Step::Change { file: "try/etc/app/greeting", from: "good morning", to: "oops" },
        Step::Run { words: "verify AppStack --transport-root try".split(' ').collect(), wanted: 1 },
        Step::Say("Back to the generation before, and all is as it was."),
        run("service rollback AppStack --transport-root try"),
        run("verify AppStack --transport-root try"),
    ]
}
