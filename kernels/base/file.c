/* file.c - whole-file reads and atomic writes (POSIX). */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

rl_status rl_file_read(const char *path, size_t limit, char **data, size_t *n, rl_error *err)
{
    const bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "rb");
    if (f == NULL) return rl_fail(err, RL_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    rl_status status = RL_OK;
    size_t used = 0, room = 64 * 1024;
    char *buf = malloc(room + 1);
    while (buf != NULL) {
        size_t got = fread(buf + used, 1, room - used, f);
        used += got;
        if (used > limit) {
            status = rl_fail(err, RL_ERR_FORMAT, "%s: longer than the %zu bytes allowed", path, limit);
            break;
        }
        if (used < room) { /* a short read: the end, or an error */
            if (ferror(f)) status = rl_fail(err, RL_ERR_IO, "%s: cannot read: %s", path, strerror(errno));
            break;
        }
        room *= 2;
        char *more = realloc(buf, room + 1);
        if (more == NULL) {
            free(buf);
            buf = NULL;
        } else {
            buf = more;
        }
    }
    if (!is_stdin) fclose(f);
    if (buf == NULL) return rl_fail(err, RL_ERR_MEMORY, "%s: out of memory while reading", path);
    if (status != RL_OK) {
        free(buf);
        return status;
    }
    buf[used] = '\0';
    *data = buf;
    *n = used;
    return RL_OK;
}

rl_status rl_outfile_open(rl_outfile *out, const char *path, rl_error *err)
{
    out->stream = NULL;
    int len = snprintf(out->path, sizeof out->path, "%s", path);
    if (len < 0 || (size_t)len >= sizeof out->path)
        return rl_fail(err, RL_ERR_ARG, "output path longer than %zu bytes", sizeof out->path - 1);
    snprintf(out->temp, sizeof out->temp, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(out->temp);
    if (fd < 0) return rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    mode_t mask = umask(0); /* mkstemp makes private files; the result gets the mode of any other new file */
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    out->stream = fdopen(fd, "wb");
    if (out->stream == NULL) {
        close(fd);
        unlink(out->temp);
        return rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    return RL_OK;
}

rl_status rl_outfile_commit(rl_outfile *out, rl_error *err)
{
    FILE *f = out->stream;
    out->stream = NULL;
    errno = 0;
    bool ok = !ferror(f) && fflush(f) == 0 && fsync(fileno(f)) == 0;
    int why = errno != 0 ? errno : EIO; /* of an earlier write nothing but the failure is known */
    if (fclose(f) != 0 && ok) {
        ok = false;
        why = errno;
    }
    if (ok && rename(out->temp, out->path) != 0) {
        ok = false;
        why = errno;
    }
    if (ok) return RL_OK;
    unlink(out->temp);
    return rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", out->path, strerror(why));
}

void rl_outfile_abandon(rl_outfile *out)
{
    if (out->stream == NULL) return;
    fclose(out->stream);
    out->stream = NULL;
    unlink(out->temp);
}

rl_status rl_file_write(const char *path, const void *data, size_t n, rl_error *err)
{
    rl_outfile out;
    rl_status status = rl_outfile_open(&out, path, err);
    if (status != RL_OK) return status;
    if (fwrite(data, 1, n, out.stream) != n) {
        status = rl_fail(err, RL_ERR_IO, "%s: cannot write: %s", path, strerror(errno));
        rl_outfile_abandon(&out);
        return status;
    }
    return rl_outfile_commit(&out, err);
}

rl_status rl_make_dirs(const char *path, rl_error *err)
{
    char part[4096];
    size_t n = strlen(path);
    if (n >= sizeof part)
        return rl_fail(err, RL_ERR_ARG, "directory path longer than %zu bytes", sizeof part - 1);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        char keep = part[i];
        part[i] = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return rl_fail(err, RL_ERR_IO, "%s: cannot make the directory: %s", part, strerror(errno));
        part[i] = keep;
    }
    return RL_OK;
}
