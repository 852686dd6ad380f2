#: Runs `configure`, `make` and `make install`.
#: Needs make and a C compiler; autoconf and automake too where the source has no `configure`, which is then made by
#: `autogen.sh`, `bootstrap` or `autoreconf -fi`. Static libraries keep their place, libtool's `.la` files do not.
#:
#: src_dir : Dir = "" — directory of the source to work in
#: configure_command : Script = "" — what to run in place of `./configure`; the flags are put behind it
#: configure_flags : List[Flag] = [] — arguments of configure, after `--prefix=$OUTPUT`
#: make_flags : List[Flag] = [] — arguments of both calls of make
#: install_target : Str = "install" — what installs
#: final_prefix : Bool = false — with `--no-sandbox`: configure for the final path, and install by `DESTDIR`
#: env : Map[Flag] = {} — variables
#: pre_configure : Script = "" — run before configure
#: post_configure (post_configure_commands) : Script = "" — run after configure
#: pre_build : Script = "" — run before make
#: post_install : Script = "" — run at the end
#:
#: module Jq {
#:   recipe = "std.autotools"
#:   version = "1.7.1"
#:   source = { path = "./jq-1.7.1" }
#:   recipeArgs = { configure_flags = ["--disable-docs", "--with-oniguruma=builtin"] }
#: }
punix_begin -O2
punix_enter lenient "$arg_src_dir"
# configure asks for it when root runs it.
export FORCE_UNSAFE_CONFIGURE=1 CONFIG_SHELL="$BASH"
punix_hook pre_configure "$arg_pre_configure"

punix_phase configure
punix_need make
if [ -z "$arg_configure_command" ]; then
    if [ -f configure ]; then
        arg_configure_command=./configure
    elif [ -f config ] && [ ! -f configure.ac ]; then
        arg_configure_command=./config
    else
        if [ -f autogen.sh ]; then
            NOCONFIGURE=1 punix_run bash ./autogen.sh
        elif [ -f bootstrap ]; then
            punix_run bash ./bootstrap
        elif [ -f configure.ac ] || [ -f configure.in ]; then
            punix_need autoreconf
            punix_run autoreconf -fi
        fi
        if [ ! -f configure ]; then punix_fail 'the source has no `configure` and nothing that makes one'; fi
        arg_configure_command=./configure
    fi
    chmod +x "$arg_configure_command"
fi
# Old ones do not know new machines.
for punix_file in config.guess config.sub; do
    if [ -f "/usr/share/misc/$punix_file" ]; then
        find . -name "$punix_file" -type f -exec cp -f "/usr/share/misc/$punix_file" {} \;
    fi
done
punix_prefix=$OUTPUT
if [ "$arg_final_prefix" = true ]; then punix_prefix=$FINAL_STORE_PATH; fi
punix_configure() {
    printf '+ %s' "$arg_configure_command"
    printf ' %q' "$@"
    printf '\n'
    eval "$arg_configure_command \"\$@\""
}
punix_configure "--prefix=$punix_prefix" "${arg_configure_flags[@]}"
# libtool would write absolute run paths; the relative ones of LDFLAGS do.
find . -name libtool -type f -exec sed -i \
    -e 's|^hardcode_libdir_flag_spec=.*|hardcode_libdir_flag_spec=""|' \
    -e 's|^runpath_var=LD_RUN_PATH|runpath_var=PUNIX_NO_RUN_PATH|' {} \;
punix_hook post_configure "$arg_post_configure"

punix_hook pre_build "$arg_pre_build"
punix_phase build
punix_run make "${arg_make_flags[@]}"

punix_phase install
if [ "$punix_prefix" = "$OUTPUT" ]; then
    punix_run make "$arg_install_target" "${arg_make_flags[@]}"
else
    punix_staged=$TMPDIR/punix-install
    mkdir "$punix_staged"
    punix_run make -j1 "$arg_install_target" "${arg_make_flags[@]}" "DESTDIR=$punix_staged"
    if [ ! -d "$punix_staged$punix_prefix" ]; then
        punix_fail "\`make $arg_install_target\` put nothing below the final path"
    fi
    cp -RP -- "$punix_staged$punix_prefix/." "$OUTPUT/"
fi

punix_hook post_install "$arg_post_install"
punix_tidy
punix_end
