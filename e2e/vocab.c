/* vocab.c - the built-in vocabulary: the text file, taken into the program by the assembler, as pieces. */
#include "vocab.h"

#include "base/embed.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { PIECES = 32000, BYTE_0 = 3, FIRST_LINE = 259 };

RL_EMBED(rl_vocab_text, RL_VOCAB_FILE);

typedef struct {
    rl_vocab vocab; /* first: the pointer handed out */
    rl_piece pieces[PIECES];
    char bytes[256][sizeof "<0x00>"];
} builtin;

static void implied_pieces(builtin *b)
{
    b->pieces[0] = (rl_piece){"<unk>", 5, 0, RL_PIECE_UNKNOWN, false, false};
    b->pieces[1] = (rl_piece){"<s>", 3, 0, RL_PIECE_CONTROL, false, false};
    b->pieces[2] = (rl_piece){"</s>", 4, 0, RL_PIECE_CONTROL, false, false};
    for (unsigned c = 0; c < 256; c++) {
        snprintf(b->bytes[c], sizeof b->bytes[c], "<0x%02X>", c);
        b->pieces[BYTE_0 + c] =
            (rl_piece){b->bytes[c], sizeof b->bytes[c] - 1, 0, RL_PIECE_BYTE, false, false};
    }
}

/* One piece a line; false where the lines are not as many as there are pieces, or the last has no end. */
static bool listed_pieces(builtin *b)
{
    const char *line = rl_vocab_text;
    for (size_t i = FIRST_LINE; i < PIECES; i++) {
        const char *end = memchr(line, '\n', (size_t)(rl_vocab_text_end - line));
        if (end == NULL) return false;
        const float score = -(float)(i - FIRST_LINE);
        b->pieces[i] = (rl_piece){line, (uint32_t)(end - line), score, RL_PIECE_NORMAL, false, false};
        line = end + 1;
    }
    return line == rl_vocab_text_end;
}

rl_status rl_vocab_builtin_open(rl_vocab **vocab, rl_error *err)
{
    *vocab = NULL;
    builtin *b = rl_alloc(sizeof *b);
    if (b == NULL) return rl_fail(err, RL_ERR_MEMORY, "built-in vocabulary: out of memory");
    implied_pieces(b);
    if (!listed_pieces(b)) {
        rl_free(b);
        return rl_fail(err, RL_ERR_FORMAT, "built-in vocabulary: %td bytes that are not %d lines",
                       rl_vocab_text_end - rl_vocab_text, PIECES - FIRST_LINE);
    }
    b->vocab = (rl_vocab){.pieces = b->pieces,
                          .n = PIECES,
                          .unk = 0,
                          .bos = 1,
                          .eos = 2,
                          .has_unk = true,
                          .has_bos = true,
                          .has_eos = true,
                          .add_bos = true,
                          .add_space_prefix = true};
    *vocab = &b->vocab;
    return RL_OK;
}

void rl_vocab_builtin_close(rl_vocab *vocab) { rl_free(vocab); }
