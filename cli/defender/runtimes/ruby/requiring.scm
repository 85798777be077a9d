; What loads another file, or says where files are looked for.
(call
  method: (identifier) @_name
  (#any-of? @_name "require" "require_relative" "load" "autoload")) @call
(call
  receiver: (global_variable) @_path
  method: (identifier) @_name
  arguments: (_) @folders
  (#any-of? @_path "$LOAD_PATH" "$:")
  (#any-of? @_name "unshift" "prepend" "push" "append"))
(binary
  left: (global_variable) @_path
  right: (_) @folder
  (#any-of? @_path "$LOAD_PATH" "$:"))
; Dir["*.rb"] and Dir.glob("*.rb").
(element_reference
  object: (constant) @_dir
  (_) @pattern
  (#eq? @_dir "Dir"))
(call
  receiver: (constant) @_dir
  method: (identifier) @_name
  arguments: (argument_list . (_) @pattern)
  (#eq? @_dir "Dir")
  (#eq? @_name "glob"))
; A loader that finds the file of a constant by its name (Zeitwerk).
(call
  method: (identifier) @_name
  arguments: (argument_list . (_) @tree)
  (#eq? @_name "push_dir"))
