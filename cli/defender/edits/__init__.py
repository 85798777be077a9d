"""Byte-exact edits of files that are not ours: places are found by parsers, bytes are only inserted.

`splice` works on bytes alone; the other modules each know one syntax. None of them reads or writes files.
"""
