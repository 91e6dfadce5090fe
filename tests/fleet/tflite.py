"""Just enough of .tflite files (FlatBuffers) to change their weights in place: where the large buffers lie."""

import struct


def _u(form: str, data: bytes, at: int) -> int:
    return struct.unpack_from(form, data, at)[0]


def _field(data: bytes, table: int, number: int) -> int:
    """Where the field of a table lies; 0 when it is absent."""
    vtable = table - _u("<i", data, table)
    if 4 + 2 * number >= _u("<H", data, vtable):
        return 0
    offset = _u("<H", data, vtable + 4 + 2 * number)
    return table + offset if offset else 0


def buffers(data: bytes, bytes_min: int) -> list[range]:
    """Of `Model.buffers` those of at least that many bytes."""
    field = _field(data, _u("<I", data, 0), 4)
    vector = field + _u("<I", data, field)
    found = []
    for i in range(_u("<I", data, vector)):
        entry = vector + 4 + 4 * i
        at = _field(data, entry + _u("<I", data, entry), 0)
        if not at:
            continue
        at += _u("<I", data, at)
        size = _u("<I", data, at)
        if size >= bytes_min:
            found.append(range(at + 4, at + 4 + size))
    return found
