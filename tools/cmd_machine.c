/* cmd_machine.c - ridgeline machine: whose numbers may be compared with ours. */
#include "commands.h"
#include "gate/verdict.h"
#include "here.h"
#include "perf/json.h"

#include <stddef.h>
#include <string.h>

typedef struct {
    bool json;
} options;

/* Splits "key=value\n..." and hands each pair on. */
static void each_part(rl_machine_class *class, void (*with)(void *arg, const char *key, const char *value),
                      void *arg)
{
    for (char *line = strtok(class->text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *equals = strchr(line, '=');
        if (equals == NULL) continue;
        *equals = '\0';
        with(arg, line, equals + 1);
    }
}

static void print_part(void *arg, const char *key, const char *value)
{
    fprintf(arg, "  %-20s %s\n", key, value);
}
static void add_part(void *arg, const char *key, const char *value) { rl_json_text(arg, key, value); }

static cJSON *machine_json(rl_here *here)
{
    cJSON *to = cJSON_CreateObject();
    rl_json_text(to, "machine_class", here->class.name);
    each_part(&here->class, add_part, cJSON_AddObjectToObject(to, "machine_class_of"));
    rl_json_text(to, "isa", rl_isa_name(rl_cpu_best(here->cpu)));
    rl_json_text(to, "kernel", here->env.kernel);
    cJSON_AddNumberToObject(to, "memory_bytes", (double)here->env.memory_bytes);
    cJSON_AddItemToObject(to, "load_avg", cJSON_CreateDoubleArray(here->env.load, (int)here->env.n_load));
    return to;
}

static int run(const rl_command *self, int argc, char **argv)
{
    options o = {0};
    rl_here here;
    rl_error why;
    if (!rl_args_parse(self, &o, NULL, argc, argv)) return RL_EXIT_BAD_USAGE;
    if (rl_here_read(&here, &why) != RL_OK) return rl_bad_usage(self, "%s", why.text);
    if (o.json) {
        char *text = rl_json_print(machine_json(&here));
        fputs(text != NULL ? text : "", stdout);
        rl_json_free(text);
        return text != NULL ? RL_EXIT_PASS : RL_EXIT_BROKEN;
    }
    printf("%s\n", here.class.name);
    each_part(&here.class, print_part, stdout);
    printf("\nnot part of the class:\n");
    print_part(stdout, "kernel", here.env.kernel);
    printf("  %-20s %.1f GiB\n", "memory", (double)here.env.memory_bytes / (double)(1ull << 30));
    if (here.env.n_load > 0) printf("  %-20s %.2f\n", "load, one minute", here.env.load[0]);
    return RL_EXIT_PASS;
}

static const rl_arg args[] = {
    RL_FLAG("--json", options, json, "the same as JSON"),
};

const rl_command rl_cmd_machine = {
    .name = "machine",
    .summary = "prints this machine's class and what it is made of",
    .args = args,
    .n_args = RL_COUNT(args),
    .more = "Numbers are compared within one class only: the same CPU, caches, instruction set used, "
            "compiler and\n"
            "flags. Nothing measured at boot goes into it, so a machine keeps its class. RL_ISA changes it, "
            "for it\n"
            "changes what runs.\n\n"
            "exit status: 0, 64 bad usage\n",
    .run = run,
};
