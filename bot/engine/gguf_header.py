"""Read the header of a GGUF file, and refuse a damaged or split file before anything is allocated for it. No torch."""

import mmap
import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import NamedTuple, TypeAlias

from bot.errors import ModelUnavailable

SUFFIX = ".gguf"
DOWNLOAD_AGAIN = "Download it again, or try BOT_MODEL=demo."

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)  # those that transformers reads
_MAX_DIMENSIONS = 8  # ggml has at most 4
_ALIGNMENT = 32  # of the tensors, if the file doesn't state another one
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_SMALLEST_ENTRY = 13  # bytes of a key with a value, or of a tensor's description, at least
_PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")

Value: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about itself. `quantization` is the name of its file type, such as Q4_1 or F16."""

    path: Path
    architecture: str
    quantization: str
    parameter_count: int


class _Tensor(NamedTuple):
    name: str
    dimensions: tuple[int, ...]
    type_id: int
    offset: int


class _DamagedHeaderError(Exception):
    """The header contradicts itself or the size of the file."""


def refuse_split_file(name: str, file: str) -> None:
    """Raise ModelUnavailable if `file` is named as one part of several, because transformers loads single files."""
    match = _PART.search(file)
    if match is not None and int(match[2]) > 1:
        raise _split_file(name, int(match[1]), int(match[2]))


def read_header(name: str, path: Path) -> GgufHeader:
    """Return the header of the file `path` of the model `name`. Raises ModelUnavailable.

    Every size in the header is compared with the size of the file, so that a damaged file can't make transformers
    allocate more than the file explains. Needs the package gguf.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            reader = _Reader(content)
            version, tensor_count, metadata_count = reader.counts()
            if version not in _VERSIONS:
                raise ModelUnavailable(name, f"it is GGUF version {version}, and only versions 2 and 3 can be read")
            metadata = dict(reader.metadata(metadata_count))
            tensors = list(reader.tensors(tensor_count))
            part, parts = metadata.get("split.no", 0), metadata.get("split.count", 1)
            if isinstance(part, int) and isinstance(parts, int) and parts > 1:
                raise _split_file(name, part + 1, parts)
            _check_tensors(metadata, tensors, reader.position, len(content))
    except (_DamagedHeaderError, ValueError) as error:  # ValueError: an empty file, or a text that is not UTF-8
        raise ModelUnavailable(name, f"its GGUF file is damaged ({str(error)[:200]})", DOWNLOAD_AGAIN) from None
    except OSError as error:
        raise ModelUnavailable(name, f"its GGUF file can't be read ({error.strerror})") from None
    return GgufHeader(
        path,
        str(metadata["general.architecture"]),
        _quantization(metadata, tensors),
        sum(prod(tensor.dimensions) for tensor in tensors),
    )


class _Reader:
    """Reads one value after the other. Every read is compared with the size of the file first."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self.position = 0

    def counts(self) -> tuple[int, int, int]:
        """Return the version, the number of tensors and the number of keys. Both numbers fit in the file."""
        if self._bytes(len(_MAGIC)) != _MAGIC:
            raise _DamagedHeaderError("it doesn't begin with the letters GGUF")
        version, *counts = self._unpack("IQQ")
        if version in _VERSIONS and sum(counts) * _SMALLEST_ENTRY > len(self._content):
            raise _DamagedHeaderError("it states more tensors and keys than it has room for")
        return version, counts[0], counts[1]

    def metadata(self, count: int) -> Iterator[tuple[str, Value]]:
        """Yield each key with its value. The value of an array is its length."""
        known = set()
        for _ in range(count):
            key = self._text()
            if key in known:
                raise _DamagedHeaderError(f"it has the key {key!r} twice")
            known.add(key)
            (kind,) = self._unpack("I")
            yield key, self._value(kind)

    def tensors(self, count: int) -> Iterator[_Tensor]:
        """Yield the description of each tensor."""
        for _ in range(count):
            name = self._text()
            (dimension_count,) = self._unpack("I")
            if dimension_count > _MAX_DIMENSIONS:
                raise _DamagedHeaderError(f"the tensor {name!r} has {dimension_count:,} dimensions")
            dimensions = self._unpack(f"{dimension_count}Q")
            type_id, offset = self._unpack("IQ")
            yield _Tensor(name, dimensions, type_id, offset)

    def _value(self, kind: int) -> Value:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._skip_array()
        if kind not in _SCALARS:
            raise _DamagedHeaderError(f"it has a value of the unknown type {kind}")
        value: Value = self._unpack(_SCALARS[kind])[0]
        return value

    def _skip_array(self) -> int:
        kind, length = self._unpack("IQ")
        if kind in _SCALARS:
            self._skip(length * struct.calcsize(f"<{_SCALARS[kind]}"))
        elif kind == _STRING:
            for _ in range(length):  # ends at the end of the file, because each string has 8 bytes or more
                self._skip(self._unpack("Q")[0])
        else:
            raise _DamagedHeaderError(f"it has an array of the unknown type {kind}")
        return int(length)

    def _text(self) -> str:
        return self._bytes(self._unpack("Q")[0]).decode()

    def _unpack(self, layout: str) -> tuple[int, ...]:
        layout = f"<{layout}"
        return struct.unpack(layout, self._bytes(struct.calcsize(layout)))

    def _bytes(self, count: int) -> bytes:
        start = self.position
        self._skip(count)
        return self._content[start : self.position]

    def _skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self._content):
            raise _DamagedHeaderError("it ends within its header")


def _check_tensors(metadata: dict[str, Value], tensors: list[_Tensor], header_end: int, file_size: int) -> None:
    """Raise _DamagedHeaderError unless the file has room for its tensors, and enough tensors for its layers."""
    if "general.architecture" not in metadata:
        raise _DamagedHeaderError("it doesn't state its architecture")
    alignment = metadata.get("general.alignment", _ALIGNMENT)
    if not isinstance(alignment, int) or alignment <= 0 or alignment & (alignment - 1):
        raise _DamagedHeaderError(f"its alignment, {alignment}, is not a power of two")
    start = -(-header_end // alignment) * alignment
    sizes = [_byte_count(tensor) for tensor in tensors]
    for tensor, size in zip(tensors, sizes, strict=True):
        if start + tensor.offset + size > file_size:
            raise _DamagedHeaderError(f"it ends before the end of the tensor {tensor.name!r}")
    if start + sum(sizes) > file_size:  # several tensors in the same bytes
        raise _DamagedHeaderError("its tensors are larger than the file")
    layer_count = metadata.get(f"{metadata['general.architecture']}.block_count", 0)
    if isinstance(layer_count, int) and layer_count > len(tensors):
        raise _DamagedHeaderError(f"it states {layer_count:,} layers, but has only {len(tensors):,} tensors")


def _byte_count(tensor: _Tensor) -> int:
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType  # an extra installs it

    try:
        block_length, block_bytes = GGML_QUANT_SIZES[GGMLQuantizationType(tensor.type_id)]
    except (ValueError, KeyError):
        raise _DamagedHeaderError(f"the tensor {tensor.name!r} has the unknown type {tensor.type_id}") from None
    if tensor.dimensions and tensor.dimensions[0] % block_length:
        raise _DamagedHeaderError(f"the rows of the tensor {tensor.name!r} are no whole blocks")
    return prod(tensor.dimensions) // block_length * block_bytes


def _quantization(metadata: dict[str, Value], tensors: list[_Tensor]) -> str:
    """Return the name of the file's type, or of the type that most of its weights have if it doesn't state one."""
    from gguf import GGMLQuantizationType, LlamaFileType  # an extra installs it

    try:
        file_type = LlamaFileType(int(metadata.get("general.file_type", LlamaFileType.GUESSED)))
    except ValueError:
        file_type = LlamaFileType.GUESSED
    if file_type is not LlamaFileType.GUESSED:
        return file_type.name.removeprefix("MOSTLY_").removeprefix("ALL_")
    weights: Counter[int] = Counter()
    for tensor in tensors:
        weights[tensor.type_id] += prod(tensor.dimensions)
    return GGMLQuantizationType(weights.most_common(1)[0][0]).name if weights else ""


def _split_file(name: str, part: int, parts: int) -> ModelUnavailable:
    return ModelUnavailable(
        name,
        f"it is part {part} of {parts} of a GGUF file, and transformers loads single files only",
        "Merge the parts with llama-gguf-split --merge, or choose a file of one part.",
    )
