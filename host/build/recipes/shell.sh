#: Runs a command; what it puts into `$OUTPUT` is the package.
#: It runs in the top directory of the source and takes neither `env` nor hooks. Where a compiler is called, `$CFLAGS`
#: and `$LDFLAGS` hold what it needs to find the dependencies.
#:
#: command : Script — what to run
#:
#: module Hello {
#:   recipe = "std.shell"
#:   source = { path = "./hello" }
#:   recipeArgs = { command = "install -D -m 755 hello.sh \"$OUTPUT/bin/hello\"" }
#: }
punix_begin -O2
punix_hook command "$arg_command"
punix_end
