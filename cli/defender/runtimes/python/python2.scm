; Syntax that only Python 2 has. `except A, e:` is not here: Python 3.14 takes it, with another meaning.
(print_statement) @python2
(exec_statement) @python2
(raise_statement (expression_list)) @python2
(parameters (tuple_pattern)) @python2
(lambda_parameters (tuple_pattern)) @python2
(comparison_operator "<>") @python2
((string_start) @python2 (#match? @python2 "^(`|[uU][rR])"))
((integer) @python2 (#match? @python2 "^(0[0-9]*[1-9][0-9]*|.*[lL])$"))
