#: Configures, builds and installs with CMake.
#: Needs cmake, a compiler, and make or ninja (`env = { CMAKE_GENERATOR = "Ninja" }`). Programs get relative run paths
#: when they are linked; if the build itself runs programs that need its own shared libraries, say
#: `cmake_flags = ["-DCMAKE_BUILD_WITH_INSTALL_RPATH=OFF"]`.
#:
#: src_dir : Dir = "" — directory of the source with `CMakeLists.txt`
#: build_dir : Dir = "build" — directory to build in, below it
#: build_type : Str = "Release" — `CMAKE_BUILD_TYPE`
#: cmake_flags : List[Flag] = [] — arguments of the first call
#: env : Map[Flag] = {} — variables
#: pre_configure : Script = "" — run before cmake
#: pre_build : Script = "" — run after configuring
#: post_install : Script = "" — run at the end
#:
#: module Fmt {
#:   recipe = "std.cmake"
#:   source = { path = "./fmt" }
#:   recipeArgs = { cmake_flags = ["-DFMT_TEST=OFF", "-DBUILD_SHARED_LIBS=ON"] }
#: }
punix_begin
punix_enter lenient "$arg_src_dir"
export CMAKE_BUILD_PARALLEL_LEVEL="$NIX_BUILD_CORES"
punix_hook pre_configure "$arg_pre_configure"

punix_phase configure
punix_need cmake
punix_run_path='$ORIGIN/../lib'
for punix_path in "${punix_dependencies[@]}"; do
    if [ -d "$punix_path/lib" ]; then punix_run_path+=";\$ORIGIN/../../${punix_path##*/}/lib"; fi
done
punix_run cmake -B "$arg_build_dir" "-DCMAKE_INSTALL_PREFIX=$OUTPUT" "-DCMAKE_BUILD_TYPE=$arg_build_type" \
    -DCMAKE_INSTALL_LIBDIR=lib "-DCMAKE_INSTALL_RPATH=$punix_run_path" -DCMAKE_BUILD_WITH_INSTALL_RPATH=ON \
    -DCMAKE_EXPORT_NO_PACKAGE_REGISTRY=ON -DFETCHCONTENT_FULLY_DISCONNECTED=ON "${arg_cmake_flags[@]}"

punix_hook pre_build "$arg_pre_build"
punix_phase build
punix_run cmake --build "$arg_build_dir"

punix_phase install
punix_run cmake --install "$arg_build_dir"

punix_hook post_install "$arg_post_install"
punix_tidy
punix_end
