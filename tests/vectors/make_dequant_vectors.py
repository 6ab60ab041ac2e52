#!/usr/bin/env python3
"""Writes dequant_<format>.bin for tests/test_dequant.c: blocks of random bytes and what the `gguf` package makes
of them, the reference for GGUF block layouts.

File: u32 number of values n (little-endian), then the blocks, then n float32.
Run: python3 make_dequant_vectors.py   (needs the packages gguf and numpy)
"""
import pathlib
import struct

import gguf
import numpy as np

# Bytes inside a block where a half float scale starts.
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def main():
    here = pathlib.Path(__file__).parent
    rng = np.random.default_rng(20261121)
    for name in ["F16", "BF16", *SCALES]:
        kind = gguf.GGMLQuantizationType[name]
        elems, size = gguf.GGML_QUANT_SIZES[kind]
        if name in ("F16", "BF16"):  # every exponent, both signs; a NaN's payload is nobody's contract
            bits = np.arange(0, 65536, 61, dtype=np.uint16)
            exponent, fraction = (0x7C00, 0x3FF) if name == "F16" else (0x7F80, 0x7F)
            bits = bits[~(((bits & exponent) == exponent) & ((bits & fraction) != 0))]
            data = bits.view(np.uint8)
            values = bits.view(np.float16).astype(np.float32) if name == "F16" else (
                bits.astype(np.uint32) << 16).view(np.float32)
        else:
            blocks = rng.integers(0, 256, (3 if elems == 256 else 12, size), dtype=np.uint8)
            # Scales: ordinary ones, and in the last blocks a subnormal, the largest, and a negative one.
            special = [np.float16(6e-8), np.float16(65504), np.float16(-0.75)]
            for at in SCALES[name]:
                for i, block in enumerate(blocks):
                    value = np.float16(rng.normal() * 0.02)
                    if i >= len(blocks) - 3 and elems == 32:
                        value = special[i - len(blocks)]
                    elif i == len(blocks) - 1:
                        value = special[0]
                    block[at:at + 2] = np.array([value]).view(np.uint8)
            data = blocks.reshape(-1)
            values = gguf.quants.dequantize(blocks.reshape(len(blocks), size), kind).astype(np.float32)
        values = values.reshape(-1)
        out = here / f"dequant_{name.lower().replace('_k', '_K')}.bin"
        out.write_bytes(struct.pack("<I", values.size) + data.tobytes() + values.tobytes())
        print(out.name, values.size, "values")


if __name__ == "__main__":
    main()
