"""Google's parser and resolver of SQL: one WebAssembly module, protocol buffers in and out.

The wheel's own Python layer is left aside: importing it takes three seconds, and it copies answers
byte by byte. Machine code is made from the module once (a minute of CPU) and kept in the user's
cache folder, for other clones on this machine as well.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import tzdata
import wasmtime
from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as messages

_POINTER_BYTES = 4


class Refused(Exception):
    """The analyser's own words on why a statement is not GoogleSQL."""


def _machine_code(engine: wasmtime.Engine) -> wasmtime.Module:
    versions = [metadata.version(package) for package in ("zetasql", "wasmtime")]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "market-assets"
    kept = folder / f"googlesql-{'-'.join(versions)}-{platform.machine()}.bin"
    # Made for another processor or broken: made anew.
    with contextlib.suppress(wasmtime.WasmtimeError):
        return wasmtime.Module.deserialize_file(engine, str(kept))
    source = resources.files("zetasql.wasi") / "zetasql.wasm"
    module = wasmtime.Module.from_file(engine, str(source))
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = kept.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(module.serialize())
    unfinished.replace(kept)
    return module


class Service:
    def __init__(self) -> None:
        config = wasmtime.Config()
        config.shared_memory = True
        self._store = wasmtime.Store(wasmtime.Engine(config))
        wasi = wasmtime.WasiConfig()
        wasi.inherit_stderr()
        wasi.preopen_dir(str(Path(tzdata.__file__).parent / "zoneinfo"), "/usr/share/zoneinfo")
        self._store.set_wasi(wasi)
        linker = wasmtime.Linker(self._store.engine)
        linker.define_wasi()
        instance = linker.instantiate(self._store, _machine_code(self._store.engine))
        self._exports: Any = instance.exports(self._store)
        if "_initialize" in self._exports:
            self._exports["_initialize"](self._store)

    def analyze(self, request: messages.AnalyzeRequest) -> messages.AnalyzeResponse:
        return messages.AnalyzeResponse.FromString(self._call("Analyze", request))

    def parse(self, request: messages.ParseRequest) -> messages.ParseResponse:
        return messages.ParseResponse.FromString(self._call("Parse", request))

    def prepare(self, request: messages.PrepareQueryRequest) -> messages.PrepareQueryResponse:
        return messages.PrepareQueryResponse.FromString(self._call("PrepareQuery", request))

    def run(self, request: messages.EvaluateQueryRequest) -> messages.EvaluateQueryResponse:
        return messages.EvaluateQueryResponse.FromString(self._call("EvaluateQuery", request))

    def register(self, request: messages.RegisterCatalogRequest) -> int:
        answer = self._call("RegisterCatalog", request)
        return messages.RegisterResponse.FromString(answer).registered_id

    def _call(self, name: str, request: Any) -> bytes:
        function = self._exports[f"ZetaSqlLocalService_{name}"]
        data = request.SerializeToString()
        given = self._malloc(max(len(data), 1))
        size = self._malloc(_POINTER_BYTES)
        try:
            ctypes.memmove(self._address(given), data, len(data))
            found = function(self._store, given, len(data), size)
            if not found:
                raise Refused(self._last_error())
            length = int.from_bytes(self._read(size, _POINTER_BYTES), "little")
            try:
                return self._read(found, length)
            finally:
                self._free(found)
        finally:
            self._free(given)
            self._free(size)

    def _last_error(self) -> str:
        length = self._exports["wasm_get_last_error_size"](self._store)
        found = self._exports["wasm_get_last_error"](self._store)
        return self._read(found, length).decode(errors="replace")

    def _malloc(self, size: int) -> int:
        return int(self._exports["wasm_malloc"](self._store, size))

    def _free(self, pointer: int) -> None:
        self._exports["wasm_free"](self._store, pointer)

    def _address(self, pointer: int) -> int:
        base = ctypes.cast(self._exports["memory"].data_ptr(), ctypes.c_void_p).value
        return (base or 0) + pointer

    def _read(self, pointer: int, size: int) -> bytes:
        return ctypes.string_at(self._address(pointer), size)
