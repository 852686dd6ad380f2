#: Builds Rust programs with Cargo and installs them into `bin`.
#: Needs cargo and a linker. Nothing is downloaded: crates come from a directory that `cargo vendor` has made, or the
#: program has no dependencies but its own directories. Crates from git need the `.cargo/config.toml` that
#: `cargo vendor` prints.
#:
#: src_dir : Dir = "" — directory of the source to work in
#: manifest_path : Dir = "" — directory of the `Cargo.toml` to build, below it
#: vendor : Flag = "vendor" — directory with the crates; used if it is there and `.cargo/config.toml` is not
#: locked : Bool = true — refuse to change `Cargo.lock`
#: no_default_features : Bool = false — build without the default features
#: features : List[Str] = [] — features to build with
#: bin : Str = "" — the one program to build; without it all
#: extra_cargo_args : List[Flag] = [] — more arguments of `cargo build`
#: binary_renames : Map[Str] = {} — new names of programs: `{ old = "new" }`
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before cargo
#: post_install : Script = "" — run at the end
#:
#: module Ripgrep {
#:   recipe = "std.cargo"
#:   source = { path = "./ripgrep" }
#:   recipeArgs = { features = ["pcre2"]  bin = "rg" }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
export CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
export CARGO_NET_OFFLINE=true CARGO_INCREMENTAL=0 CARGO_BUILD_JOBS="$NIX_BUILD_CORES" CARGO_TERM_COLOR=never
mkdir -p "$CARGO_HOME"
# What somebody built beside a local source is not what this builds.
rm -rf -- "$CARGO_TARGET_DIR"
punix_hook pre_build "$arg_pre_build"

punix_phase build
punix_need cargo
if [ -d "$arg_vendor" ] && [ ! -e .cargo/config.toml ] && [ ! -e .cargo/config ]; then
    punix_crates=$(cd -- "$arg_vendor" && pwd)
    punix_crates=${punix_crates//\\/\\\\}
    printf '%s\n' '[source.crates-io]' 'replace-with = "punix"' '[source.punix]' \
        "directory = \"${punix_crates//\"/\\\"}\"" >>"$CARGO_HOME/config.toml"
fi
# Flags are separated by a byte that is in no path. What the package asks for comes first.
punix_separator=$'\x1f'
punix_flags=${CARGO_ENCODED_RUSTFLAGS:-}
if [ -z "$punix_flags" ]; then punix_flags=${RUSTFLAGS:-} punix_flags=${punix_flags// /"$punix_separator"}; fi
punix_flags+=${punix_flags:+"$punix_separator"}--remap-path-prefix=$SOURCE=.
punix_flags+=$punix_separator--remap-path-prefix=$CARGO_HOME=/cargo
export CARGO_ENCODED_RUSTFLAGS="$punix_flags"

punix_arguments=()
if [ "$arg_locked" = true ]; then punix_arguments+=(--locked); fi
if [ "$arg_no_default_features" = true ]; then punix_arguments+=(--no-default-features); fi
for punix_feature in "${arg_features[@]}"; do punix_arguments+=(--features "$punix_feature"); done
if [ -n "$arg_bin" ]; then punix_arguments+=(--bin "$arg_bin"); fi
if [ -n "$arg_manifest_path" ]; then
    punix_arguments+=(--manifest-path "${arg_manifest_path%/Cargo.toml}/Cargo.toml")
fi
punix_run cargo build --release --offline "${punix_arguments[@]}" "${arg_extra_cargo_args[@]}"

punix_phase install
mkdir -p "$OUTPUT/bin"
# With `--target` there is a directory of that name in between.
for punix_file in "$CARGO_TARGET_DIR"/release/* "$CARGO_TARGET_DIR"/*/release/*; do
    case $punix_file in
    *.d | *.rlib | *.rmeta | *.so | *.dylib | *.a) continue ;;
    esac
    if [ -f "$punix_file" ] && [ -x "$punix_file" ]; then punix_run cp -- "$punix_file" "$OUTPUT/bin/"; fi
done
if ! rmdir "$OUTPUT/bin" 2>/dev/null; then
    for punix_index in "${!arg_binary_renames_keys[@]}"; do
        punix_old=${arg_binary_renames_keys[punix_index]}
        case $punix_old/${arg_binary_renames_values[punix_index]} in
        */*/*) punix_fail "\`binary_renames\` holds names, not paths" ;;
        esac
        if [ ! -f "$OUTPUT/bin/$punix_old" ]; then punix_fail "cargo built no program \`$punix_old\`"; fi
        mv -- "$OUTPUT/bin/$punix_old" "$OUTPUT/bin/${arg_binary_renames_values[punix_index]}"
    done
fi

punix_hook post_install "$arg_post_install"
punix_end
