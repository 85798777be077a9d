; Places where a method may come to be, or to change, other than by a definition that `bindings` knows.
(method name: (_) @def)
(singleton_method name: (_) @def)
(alias) @alias
(undef) @undef
(call) @call
(string (string_content) @text)
(heredoc_body (heredoc_content) @text)
(class name: (_) @module)
(module name: (_) @module)
(superclass) @superclass
(assignment) @assignment
(operator_assignment) @assignment
