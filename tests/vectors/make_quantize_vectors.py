#!/usr/bin/env python3
"""Writes what tests/test_quantize.c compares with.

quantize.bin: u32 n (little-endian), n float32, then the blocks that the `gguf` package makes of them, format by
format in the order of FORMATS. The floats: ordinary rows, and blocks of the hard cases named below.

quantize_k.txt: the errors that ggml's own quantizer leaves in the K formats, which have no bit-exact reference.
After a line that names ggml's version, a line is: format, distribution, root mean square error, the same weighted with |x| + rms of the sub-block. The
rows are made by the generator that the test has too (12 uniforms of splitmix64), so they need not be stored.

Run: python3 make_quantize_vectors.py   (needs the packages gguf, numpy and llama_cpp)
"""
import ctypes
import pathlib
import struct

import gguf
import llama_cpp
import numpy as np
from gguf.quants import dequantize, quantize

HERE = pathlib.Path(__file__).parent
FORMATS = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
K_FORMATS = {"Q2_K": 16, "Q3_K": 16, "Q4_K": 32, "Q5_K": 32, "Q6_K": 16}  # and their sub-blocks
ROW, ROWS = 1024, 96
SEED = 20261122


def normals(seed, n):
    """util_normal() of tests/util_guard.c, n times."""
    k = np.arange(1, 12 * n + 1, dtype=np.uint64)
    z = np.uint64(seed) + k * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    uniform = ((z ^ z >> np.uint64(31)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    total = np.full(n, -6.0)
    for draw in uniform.reshape(n, 12).T:
        total = total + draw
    return total.astype(np.float32)


def distributions():
    x = normals(SEED, ROWS * ROW)
    yield "normal", x
    yield "heavy", x * x * x
    yield "shifted", x + np.float32(1.5)
    sub_block = np.arange(x.size) // 16
    yield "uneven", x * np.exp2((sub_block % 7 - 3).astype(np.float32))


def hard_blocks():
    ramp = np.arange(32, dtype=np.float32)
    yield np.zeros(32)
    yield np.full(32, -0.0)
    yield np.full(32, 3.25)
    yield np.full(32, -1e-3)
    yield np.where(ramp % 2 == 0, 1.0, -1.0)  # equal magnitudes: the first decides the sign
    yield np.where(ramp % 2 == 0, -1.0, 1.0)
    yield ramp - 16
    yield ramp / 2  # ties
    yield (ramp - 16) * (127 / 32 + 0.5 / 16)
    yield ramp * 1e30  # scales beyond a half
    yield (ramp - 7) * 1e-9  # scales that are subnormal halves
    yield np.where(ramp == 31, 100.0, 1e-6)
    yield np.linspace(65500, 65540, 32)  # around the largest half
    yield (ramp + 1) * 2.0**-25  # around the smallest


def ggml_blocks(lib, kind, x):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    out = np.zeros((ROWS, ROW // block * size), np.uint8)
    lib.ggml_quantize_chunk(kind.value, x.ctypes.data, out.ctypes.data, 0, ROWS, ROW, None)
    return out


def main():
    x = normals(SEED + 1, 1024) * np.float32(0.02)
    x = np.concatenate([x, *(np.asarray(b, dtype=np.float32) for b in hard_blocks())])
    out = [struct.pack("<I", x.size), x.tobytes()]
    with np.errstate(over="ignore"):
        out += [quantize(x, gguf.GGMLQuantizationType[name]).tobytes() for name in FORMATS]
    (HERE / "quantize.bin").write_bytes(b"".join(out))

    lib = ctypes.CDLL(str(pathlib.Path(llama_cpp.__file__).parent / "lib" / "libggml-base.so"))
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64,
                                        ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    with open(HERE / "quantize_k.txt", "w") as out:
        print("# ggml of llama_cpp", llama_cpp.__version__, file=out)
        for name, sub in K_FORMATS.items():
            kind = gguf.GGMLQuantizationType[name]
            for label, x in distributions():
                y = dequantize(ggml_blocks(lib, kind, x), kind).reshape(-1, sub).astype(np.float64)
                x = x.reshape(-1, sub).astype(np.float64)
                square = (x - y) ** 2
                w = np.abs(x) + np.sqrt((x**2).mean(axis=1, keepdims=True))
                print(name.lower().replace("_k", "_K"), label, f"{np.sqrt(square.mean()):.8g}",
                      f"{np.sqrt((w * square).sum() / w.sum()):.8g}", file=out)


if __name__ == "__main__":
    main()
