#: Builds one Go program and installs it into `bin`.
#: Needs go 1.18 or newer. Nothing is downloaded: modules come from a directory that `go mod vendor` has made, or the
#: program uses the standard library alone.
#:
#: src_dir : Dir = "" — directory of the source with `go.mod`
#: subdir : Dir = "" — directory below it to work in
#: vendor : Flag = "vendor" — directory with the modules
#: package : Str = "." — the package of the program
#: install_name : Str = "${pname}" — name of the program
#: ldflags : Flag = "-s -w" — flags of the linker
#: tags : List[Str] = [] — build tags
#: cgo_enabled : Str = "0" — `"1"` to build what is written in C too
#: gowork : Str = "off" — the workspace file, or `off`
#: gopath_external : Bool = false — keep `GOPATH` out of the source
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before go
#: post_install : Script = "" — run at the end
#:
#: module Lego {
#:   recipe = "std.go"
#:   version = "4.17.4"
#:   source = { path = "./lego" }
#:   recipeArgs = { package = "./cmd/lego"  ldflags = f"-s -w -X main.version={version}" }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
if [ -n "$arg_subdir" ]; then
    if [ ! -d "$arg_subdir" ]; then punix_fail "the source has no directory \`$arg_subdir\`"; fi
    cd -- "$arg_subdir"
fi
if [ "$arg_gopath_external" = true ]; then : "${GOPATH:=$TMPDIR/go-path}"; else : "${GOPATH:=$PWD/.gopath}"; fi
export GOPATH GOCACHE="${GOCACHE:-$TMPDIR/go-cache}" GOPROXY="${GOPROXY:-off}" GOSUMDB="${GOSUMDB:-off}" GOENV=off
export GO111MODULE=on GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED="$arg_cgo_enabled" GOWORK="$arg_gowork"
export GOMAXPROCS="$NIX_BUILD_CORES"
# Go makes identifiers of all flags, and paths in them would get into the program. Compilers find the dependencies by
# CPATH, LIBRARY_PATH and LD_RUN_PATH.
export CGO_CFLAGS="${CGO_CFLAGS--O2}" CGO_CXXFLAGS="${CGO_CXXFLAGS--O2}"
punix_hook pre_build "$arg_pre_build"

punix_phase build
punix_need go
if [ ! -f go.mod ] && [ "$(go env GOMOD)" = /dev/null ]; then punix_fail 'the source has no `go.mod`'; fi
if [ -d "$arg_vendor" ] && [ ! -e vendor ]; then cp -R -- "$arg_vendor" vendor; fi
punix_mode=mod
if [ -f vendor/modules.txt ]; then punix_mode=vendor; fi
punix_arguments=("-mod=$punix_mode" -trimpath -buildvcs=false)
if [ "${#arg_tags[@]}" -gt 0 ]; then
    IFS=,
    punix_arguments+=(-tags "${arg_tags[*]}")
    unset IFS
fi
if [ -n "$arg_ldflags" ]; then punix_arguments+=(-ldflags "$arg_ldflags"); fi
mkdir -p "$OUTPUT/bin"
punix_run go build "${punix_arguments[@]}" -o "$OUTPUT/bin/$arg_install_name" "$arg_package"

punix_hook post_install "$arg_post_install"
punix_end
