/* replay.c - runs a fuzz target over the files of the directories given, one after another: what the fuzzer
 * once found stays tested with any compiler. */
#include "base/file.h"

#include <dirent.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replay(const char *dir_name)
{
    size_t n_files = 0;
    DIR *dir = opendir(dir_name);
    if (dir == NULL) {
        fprintf(stderr, "%s: cannot open the directory\n", dir_name);
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[4096], *data;
        size_t n;
        rl_error err;
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", dir_name, entry->d_name);
        if (rl_file_read(path, 1 << 24, &data, &n, &err) != RL_OK) {
            fprintf(stderr, "%s\n", err.text);
            exit(1);
        }
        uint8_t *exact = malloc(n + (n == 0)); /* ends where the file does, for the sanitizers */
        if (exact == NULL) exit(1);
        memcpy(exact, data, n);
        free(data);
        LLVMFuzzerTestOneInput(exact, n);
        free(exact);
        n_files++;
    }
    closedir(dir);
    return n_files;
}

int main(int argc, char **argv)
{
    size_t n_files = 0;
    for (int i = 1; i < argc; i++) n_files += replay(argv[i]);
    printf("%zu inputs\n", n_files);
    return n_files > 0 ? 0 : 1; /* a corpus that is not there tests nothing */
}
