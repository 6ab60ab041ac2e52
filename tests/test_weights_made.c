/* test_weights_made.c - the check that benches of matrix products make: it takes what a kernel gives, in both layouts,
 * and finds one wrong number among the rows that differ and among those that repeat them. */
#include "util_guard.h"

#include "gemm/gemm.h"
#include "weights_made.h"

#include <string.h>

enum {
    M = 83,
    K = 256,
    N = 5,
    UNCHECKED = 1
}; /* M: a last panel that is not full. Of token 1 only repetitions count */

static void a_wrong_number_is_found(void **state)
{
    (void)state;
    static const rl_format formats[] = {RL_Q4_0, RL_Q6_K, RL_F16};
    rl_error err;
    double max_error;
    float y[N * M];
    size_t found = 0;
    for (size_t f = 0; f < RL_LAYOUT_COUNT * RL_COUNT(formats); f++) {
        const rl_format format = formats[f / RL_LAYOUT_COUNT];
        const rl_layout layout = (rl_layout)(f % RL_LAYOUT_COUNT);
        const rl_gemm *kern = rl_gemm_find(format, layout, util_cpu());
        const rl_matrix like = {format, layout, M, K, NULL};
        rl_made_weights made;
        if (kern == NULL) continue;
        found++;
        char *x = rl_made_tokens(kern->act, N, K);
        assert_int_equal(rl_made_weights_open(&made, &like, 0, false, &err), RL_OK);
        kern->run(y, M, made.w.data, x, rl_act_bytes(kern->act, K), M, N, K);
        assert_int_equal(rl_made_weights_verify(&made, y, x, N, &max_error, &err), RL_OK);
        assert_true(max_error < 1e-5);
        static const struct {
            size_t at;
            const char *said;
        } wrong[] = {
            {3,                  "token 0 row 3: expected" },
            {4 * M + 63,         "token 4 row 63: expected"},
            {UNCHECKED * M + 82, "token 1 row 82: got"     },
            {UNCHECKED * M + 2,  "token 1 row 66: got"     },
        };
        for (size_t i = 0; i < RL_COUNT(wrong); i++) {
            const float right = y[wrong[i].at];
            y[wrong[i].at] = right + 1;
            assert_int_equal(rl_made_weights_verify(&made, y, x, N, &max_error, &err), RL_ERR_FORMAT);
            if (strstr(err.text, wrong[i].said) == NULL) fail_msg("%s: not '%s'", err.text, wrong[i].said);
            y[wrong[i].at] = right;
        }
        rl_free(x);
        rl_made_weights_close(&made);
        rl_made_weights_close(&made);
    }
    assert_true(found >= RL_COUNT(formats));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_wrong_number_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
