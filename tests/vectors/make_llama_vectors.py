#!/usr/bin/env python3
"""Writes tiny_llama.gguf and tiny_llama_logits.bin for tests/test_decoder.c: a small random LlamaForCausalLM, the
f32 logits that PyTorch computes for a prompt, and the tokens that greedy decoding then takes. Keys and values are
rounded to half floats before attention, as the decoder's cache holds them; everything else is f32.

tiny_llama_logits.bin: u32 n_prompt, u32 n_vocab, u32 n_greedy, the prompt's tokens as u32, logits [n_prompt][n_vocab]
as f32, the greedy tokens as u32.
Run: python3 make_llama_vectors.py   (needs the packages torch, transformers, gguf and numpy)
"""
import pathlib
import struct

import gguf
import numpy as np
import torch
import transformers

LAYERS, EMBD, FF, HEADS, HEADS_KV, VOCAB, CTX = 2, 64, 96, 2, 1, 128, 160
PROMPT, GREEDY = 24, 64


def permute(weight, heads):
    """Hugging Face rotates halves of a head, GGUF's Llama rotates neighbours: reorder the rows accordingly."""
    rows, cols = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


def attention_with_half_cache(module, query, key, value, attention_mask, scaling, **kwargs):
    """Plain attention over keys and values that went through a cache of half floats."""
    groups = query.shape[1] // key.shape[1]
    key, value = (x.half().float().repeat_interleave(groups, dim=1) for x in (key, value))
    n, total = query.shape[2], key.shape[2]
    scores = query @ key.transpose(2, 3) * scaling
    scores += torch.full((n, total), float("-inf")).triu(total - n + 1)
    return (torch.softmax(scores, dim=-1) @ value).transpose(1, 2).contiguous(), None


def main():
    transformers.AttentionInterface.register("half_cache", attention_with_half_cache)
    here = pathlib.Path(__file__).parent
    torch.manual_seed(1)
    torch.set_num_threads(1)
    config = transformers.LlamaConfig(
        vocab_size=VOCAB, hidden_size=EMBD, intermediate_size=FF, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS_KV, max_position_embeddings=CTX, rms_norm_eps=1e-5,
        tie_word_embeddings=False, attention_bias=False, rope_theta=10000.0, initializer_range=0.08)
    model = transformers.LlamaForCausalLM(config).eval().float()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name:
                p.copy_(1 + 0.2 * torch.randn_like(p))
    prompt = torch.randint(0, VOCAB, (1, PROMPT), generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        unrounded = model(prompt).logits[0]
        model.set_attn_implementation("half_cache")
        logits = model(prompt).logits[0].numpy().astype(np.float32)
        print("the half cache moves a logit by up to", float(np.abs(unrounded.numpy() - logits).max()))
        tokens, greedy, margin = prompt, [], float("inf")
        for _ in range(GREEDY):
            top = torch.topk(model(tokens).logits[0, -1], 2)
            margin = min(margin, float(top.values[0] - top.values[1]))
            greedy.append(int(top.indices[0]))
            tokens = torch.cat([tokens, top.indices[:1].reshape(1, 1)], dim=1)
    print("smallest greedy margin", margin, "logits std", logits.std())
    assert margin > 1e-3, "choose another seed: rounding could decide a greedy token"

    w = {k: v.detach().numpy().astype(np.float32) for k, v in model.state_dict().items()}
    out = gguf.GGUFWriter(here / "tiny_llama.gguf", "llama")
    out.add_context_length(CTX)
    out.add_embedding_length(EMBD)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(FF)
    out.add_head_count(HEADS)
    out.add_head_count_kv(HEADS_KV)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_rope_dimension_count(EMBD // HEADS)
    out.add_rope_freq_base(10000.0)
    out.add_vocab_size(VOCAB)
    out.add_tensor("token_embd.weight", w["model.embed_tokens.weight"])
    out.add_tensor("output_norm.weight", w["model.norm.weight"])
    out.add_tensor("output.weight", w["lm_head.weight"])
    for i in range(LAYERS):
        src, dst = f"model.layers.{i}.", f"blk.{i}."
        out.add_tensor(dst + "attn_norm.weight", w[src + "input_layernorm.weight"])
        out.add_tensor(dst + "attn_q.weight", permute(w[src + "self_attn.q_proj.weight"], HEADS))
        out.add_tensor(dst + "attn_k.weight", permute(w[src + "self_attn.k_proj.weight"], HEADS_KV))
        out.add_tensor(dst + "attn_v.weight", w[src + "self_attn.v_proj.weight"])
        out.add_tensor(dst + "attn_output.weight", w[src + "self_attn.o_proj.weight"])
        out.add_tensor(dst + "ffn_norm.weight", w[src + "post_attention_layernorm.weight"])
        out.add_tensor(dst + "ffn_gate.weight", w[src + "mlp.gate_proj.weight"])
        out.add_tensor(dst + "ffn_up.weight", w[src + "mlp.up_proj.weight"])
        out.add_tensor(dst + "ffn_down.weight", w[src + "mlp.down_proj.weight"])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    data = struct.pack("<III", PROMPT, VOCAB, GREEDY) + prompt.numpy().astype("<u4").tobytes()
    data += logits.tobytes() + np.array(greedy, dtype="<u4").tobytes()
    (here / "tiny_llama_logits.bin").write_bytes(data)


if __name__ == "__main__":
    main()
