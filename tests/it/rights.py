"""Runs statements in the embedded engine as the user of a configuration: rights.py LIBRARY DATA CONFIG < statements, one a line.

Answers a line each: `ok`, or the engine's error. The library knows one user only, so it is made to be the one that is asked about.
"""
import ctypes
import os
import sys

library = ctypes.CDLL(sys.argv[1])
pointer, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
library.chdb_connect.restype = pointer
library.chdb_connect.argtypes = [ctypes.c_int, ctypes.POINTER(text)]
library.chdb_query_n.restype = pointer
library.chdb_query_n.argtypes = [pointer, text, size, text, size]
library.chdb_result_error.restype = text
library.chdb_result_error.argtypes = [pointer]

arguments = [b"clickhouse", b"--path=" + sys.argv[2].encode(), b"--config-file=" + sys.argv[3].encode()]
handle = library.chdb_connect(len(arguments), (text * len(arguments))(*arguments))
if not handle:
    sys.exit("the engine does not open; its reason stands above")
connection = ctypes.cast(handle, ctypes.POINTER(pointer))[0]
for line in sys.stdin.buffer.read().splitlines():
    error = library.chdb_result_error(library.chdb_query_n(connection, line, len(line), b"Null", 4))
    print(error.decode().splitlines()[0] if error else "ok")
sys.stdout.flush()
# The engine's threads are not asked to end.
os._exit(0)
