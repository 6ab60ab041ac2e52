/* embed.h - a file taken into the program by the assembler.
 *
 *     RL_EMBED(rl_vocab_text, RL_VOCAB_FILE);
 * defines the bytes rl_vocab_text[] up to rl_vocab_text_end[], a 0 byte after them. The path is a string
 * literal that the build system supplies; it also makes the object depend on the file. */
#ifndef RL_EMBED_H
#define RL_EMBED_H

#define RL_EMBED(symbol, path)                                                                               \
    __asm__(".pushsection .rodata\n"                                                                         \
            ".hidden " #symbol "\n"                                                                          \
            ".hidden " #symbol "_end\n"                                                                      \
            ".globl " #symbol "\n"                                                                           \
            ".globl " #symbol "_end\n" #symbol ":\n"                                                         \
            ".incbin \"" path "\"\n" #symbol "_end:\n"                                                       \
            ".byte 0\n"                                                                                      \
            ".popsection\n");                                                                                \
    extern const char symbol[], symbol##_end[]

#endif
