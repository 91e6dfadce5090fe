# cmake -DOUT=FILE -DSALT=TEXT -DSOURCES=LIST -P build_name.cmake: a source file with a name for what the engine is
# built of, so that what one build packed is never taken for another's.
separate_arguments(SOURCES)
set(all "${SALT}")
foreach(source IN LISTS SOURCES)
  file(SHA256 ${source} hash)
  string(APPEND all " ${hash}")
endforeach()
string(SHA256 name "${all}")
file(WRITE ${OUT}.new "// Made by cmake/build_name.cmake.\n#include \"agent/engine/kept.h\"\n\nnamespace godwit::engine {\nchar const* const kBuildName = \"${name}\";\n}  // namespace godwit::engine\n")
configure_file(${OUT}.new ${OUT} COPYONLY)
