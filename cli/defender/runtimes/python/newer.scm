; Syntax younger than Python 3.11, the oldest that runs this tool: its own parser is no judge of these.
(type_parameter) @newer
(type_alias_statement) @newer
(except_clause value: (_) value: (_)) @newer
((string_start) @newer (#match? @newer "[tT]"))
(interpolation expression: (_) @interpolated)
