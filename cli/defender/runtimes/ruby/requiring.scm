; What loads another file.
(call
  method: (identifier) @_name
  (#any-of? @_name "require" "require_relative" "load" "autoload")) @call
