"""Code that is loaded from a denied folder."""

import _ctypes
import ctypes
import importlib
import os
import runpy
import shutil
import sys
import zipimport

from native import library
from ways import way


def _imported(folder):
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("denied_module").VALUE
    finally:
        sys.path.remove(folder)
        sys.path_importer_cache.pop(folder, None)
        sys.modules.pop("denied_module", None)


@way
def import_module(at):
    return _imported(at.denied)


@way
def import_from_zip(at):
    try:
        return zipimport.zipimporter(at.denied + "/package.zip").load_module("denied_module").VALUE
    finally:
        sys.modules.pop("denied_module", None)
        zipimport._zip_directory_cache.clear()


@way
def run_path(at):
    return runpy.run_path(at.denied + "/denied_module.py")["VALUE"]


def _answer(loaded, name="attack_token"):
    """What the library tells; it is unloaded, since a loaded one is found again without a look at its file."""
    try:
        function = loaded[name]
        function.restype = ctypes.c_char_p
        return function().decode()
    finally:
        _ctypes.dlclose(loaded._handle)


@way
def library_loaded(at):
    return _answer(ctypes.CDLL(at.denied + "/library.so"))


@way
def library_through_link(at):
    return _answer(ctypes.CDLL(at.open + "/folder_link/library.so"))


@way
def library_by_dlopen(at):
    """By the C library's own function, which says in words alone why it fails."""
    opening = library().dlopen
    opening.restype = ctypes.c_void_p
    handle = opening(f"{at.denied}/library.so".encode(), os.RTLD_NOW)
    if not handle:
        raise OSError(None, "dlopen")
    return _answer(ctypes.CDLL("library.so", handle=handle))


def _needing(at):
    """A library that may be used: what it needs lies in the denied folder."""
    path = at.open + "/needing.so"
    shutil.copyfile(os.environ["FILES_NEEDING"], path)
    return path


@way
def library_needed(at):
    return _answer(ctypes.CDLL(_needing(at)), "attack_needed")
