/* commands.h - the subcommands of ridgeline. A new one: cmd_x.c, its line here and in ridgeline.c. */
#ifndef RL_COMMANDS_H
#define RL_COMMANDS_H

#include "args.h"

extern const rl_command rl_cmd_run, rl_cmd_compare, rl_cmd_recalibrate, rl_cmd_machine, rl_cmd_list,
    rl_cmd_ab, rl_cmd_bisect, rl_cmd_model_synth, rl_cmd_model_info, rl_cmd_selftest, rl_cmd_tokenize_encode,
    rl_cmd_tokenize_decode, rl_cmd_tokenize_count;

#endif
