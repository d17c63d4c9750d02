# Splits what flatc generated for NAME.fbs, because nearly everything wants the objects alone (VerdictT), and the code that reads and
# writes their buffers costs every source that sees it seconds:
#   NAME_types.h  enumerations and objects
#   NAME_codec.h  the rest, for the one source that includes it (shared/messages/codec.cc), and WS_NAME_MESSAGES(M): M(VerdictT) ...
# awk -v name=NAME -v types=FILE -v codec=FILE -f split_generated.awk NAME_generated.h
function both(line) { print line > types; print line > codec }

BEGIN {
  both("// Made from the code that flatc generated; do not modify.\n#pragma once\n")
  print "#include \"" name "_types.h\"" > codec
}
/^#(ifndef|define|endif).*FLATBUFFERS_GENERATED_/ { next }
/^#include ".*_generated\.h"/ {
  included = $0
  sub(/_generated/, "_types", included); print included > types
  sub(/_types/, "_codec", included); print included > codec
  next
}
/^(namespace |}  \/\/ namespace )/ { both($0); next }
/^struct [A-Za-z0-9]+T : public flatbuffers::NativeTable \{/ {
  head_is_over = in_object = 1
  messages = messages " \\\n  M(" $2 ")"
}
!head_is_over || in_object {
  print > types
  if (/^};/) in_object = 0
  next
}
# Members of objects are declared in a header that does not know them to be inline.
/^inline .*[A-Za-z0-9](T|Union)::/ { sub(/^inline /, "") }
{ print > codec }
END { print "#define WS_" toupper(name) "_MESSAGES(M)" messages > codec }
