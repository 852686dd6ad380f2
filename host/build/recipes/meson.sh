#: Configures, builds and installs with Meson.
#: Needs meson, ninja and a compiler. Subprojects have to be in the source: nothing is downloaded.
#:
#: src_dir : Dir = "" — directory of the source with `meson.build`
#: build_dir : Dir = "build" — directory to build in, below it
#: meson_flags : List[Flag] = [] — arguments of `meson setup`
#: env : Map[Flag] = {} — variables
#: pre_build : Script = "" — run before everything
#: post_install : Script = "" — run at the end
#:
#: module Weston {
#:   recipe = "std.meson"
#:   source = { path = "./weston" }
#:   recipeArgs = { meson_flags = ["-Dtests=false"] }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
punix_hook pre_build "$arg_pre_build"

punix_phase configure
punix_need meson
punix_run meson setup "$arg_build_dir" "--prefix=$OUTPUT" --libdir=lib --buildtype=release --wrap-mode=nodownload \
    "${arg_meson_flags[@]}"

punix_phase build
punix_run meson compile -C "$arg_build_dir" -j "$NIX_BUILD_CORES"

punix_phase install
punix_run meson install -C "$arg_build_dir" --no-rebuild

punix_hook post_install "$arg_post_install"
punix_tidy
punix_end
