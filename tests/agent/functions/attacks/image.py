"""Loaded ELF files of this process: where they lie, their symbols and relocations."""

import os
import struct

_DYNAMIC_SYMBOLS, _RELOCATIONS = 11, 4


def maps():
    with open("/proc/self/maps") as file:
        for line in file:
            fields = line.split()
            if len(fields) > 5:
                yield int(fields[0].split("-")[0], 16), fields[5]


def loaded(name):
    return next((path for _, path in maps() if name in os.path.basename(path)), None)


class Image:
    """A loaded ELF file: where it lies, its dynamic symbols and relocations."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self._data = file.read()
        self.base = next(start for start, mapped in maps() if mapped == path)
        if struct.unpack_from("<H", self._data, 16)[0] == 2:  # ET_EXEC: addresses are absolute.
            self.base = 0
        start, size, count = struct.unpack_from("<Q10xHH", self._data, 40)
        self._sections = [
            struct.unpack_from("<IIQQQQIIQQ", self._data, start + size * i) for i in range(count)
        ]

    def _entries(self, section, form):
        offset, size = section[4], section[5]
        return struct.iter_unpack(form, self._data[offset : offset + size])

    def _names(self):
        symbols = next(section for section in self._sections if section[1] == _DYNAMIC_SYMBOLS)
        strings = self._sections[symbols[6]][4]
        for name, _info, _other, _index, value, _size in self._entries(symbols, "<IBBHQQ"):
            end = self._data.index(b"\0", strings + name)
            yield self._data[strings + name : end].decode(), value

    def symbols(self):
        return {name: value for name, value in self._names() if value}

    def symbol(self, name):
        """Where a symbol's entry lies in memory, and what the file says that its value is."""
        symbols = next(section for section in self._sections if section[1] == _DYNAMIC_SYMBOLS)
        for number, (known, value) in enumerate(self._names()):
            if known == name and value:
                return self.base + symbols[3] + 24 * number, value
        raise LookupError(name)

    def relocations(self, symbol):
        names = [name for name, _ in self._names()]
        for section in self._sections:
            if section[1] == _RELOCATIONS:
                for place, info, _addend in self._entries(section, "<QQq"):
                    if names[info >> 32] == symbol:
                        yield place
