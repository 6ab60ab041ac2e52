#!/usr/bin/env python3
"""Writes gguf_types.gguf for tests/test_gguf.c: a small file by the `gguf` package's own writer, with every type of
metadata and tensors of one to four dimensions in several formats. The test knows the values.

Run: python3 make_gguf_vectors.py   (needs the packages gguf and numpy)
"""
import pathlib

import gguf
import numpy as np

Q = gguf.GGMLQuantizationType


def main():
    path = pathlib.Path(__file__).parent / "gguf_types.gguf"
    w = gguf.GGUFWriter(path, "llama")
    w.add_custom_alignment(64)
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_float32("t.f32", 0.15625)
    w.add_bool("t.true", True)
    w.add_bool("t.false", False)
    w.add_string("t.string", "caf\u00e9")
    w.add_uint64("t.u64", 2**63 + 5)
    w.add_int64("t.i64", -(2**62))
    w.add_float64("t.f64", 1e300)
    w.add_array("t.ints", [3, -1, 4])
    w.add_array("t.floats", [0.5, -0.25])
    w.add_array("t.bools", [True, False, True])
    w.add_array("t.strings", ["", "a", "\u2581the"])
    w.add_array("t.nested", [[1, 2], [3]])

    ramp = np.arange(64, dtype=np.float32)
    w.add_tensor("vector", ramp[:5])
    w.add_tensor("matrix", ramp[:12].reshape(4, 3).astype(np.float16))
    for name, kind, shape in [("blocks", Q.Q4_0, (2, 64)), ("cube", Q.Q8_0, (3, 2, 32)), ("super", Q.Q4_K, (1, 256)),
                              ("four", Q.BF16, (2, 2, 2, 8))]:
        values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) - 7
        if kind == Q.Q4_K:  # the package cannot quantise to it; any bytes are a block
            data = (np.arange(144) * 7 % 251).astype(np.uint8).reshape(1, 144)
        else:
            data = gguf.quants.quantize(values, kind)
        w.add_tensor(name, data, raw_dtype=kind)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


if __name__ == "__main__":
    main()
