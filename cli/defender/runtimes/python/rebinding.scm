; Places where a module's names may change other than by an ordinary binding.
(global_statement (identifier) @global)
(delete_statement) @delete
(call) @call
(assignment left: (subscript) @item)
(augmented_assignment left: (subscript) @item)
(assignment left: (attribute) @attribute)
(assignment left: (identifier) @alias right: (_))
(import_statement name: (_) @import)
(import_from_statement name: (_) @import)
((attribute attribute: (identifier) @_name) @dictionary (#any-of? @_name "__dict__" "__globals__" "f_globals"))
