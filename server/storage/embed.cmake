# Writes OUTPUT: the function embedded_migrations() with the text of every file of INPUTS, in order of name.
list(SORT INPUTS)
set(text "#include \"server/storage/migrate.h\"\n\nnamespace godwit::server {\nauto embedded_migrations() -> std::vector<Migration> {\n  return {\n")
foreach(input ${INPUTS})
  get_filename_component(name ${input} NAME)
  file(READ ${input} sql)
  string(APPEND text "      {\"${name}\", R\"migration(${sql})migration\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${text}  };\n}\n}  // namespace godwit::server\n")
