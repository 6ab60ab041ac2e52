/* exp_poly.h - the constants of e^x in floats, which the vector tiers share.
 *
 * With n = x / ln 2 rounded to nearest and r = x - n ln 2, so |r| <= ln 2 / 2:
 *   e^x = 2^n e^r,   e^r ~ 1 + r + r^2 (C2 + C3 r + C4 r^2 + C5 r^3 + C6 r^4)
 * Coefficients: minimax for the relative error, which is 3.6e-9 with them rounded to floats. ln 2 is split: n
 * HI is exact for |n| <= 256, so only the correction by LO rounds. e^0 is exactly 1.
 *
 * Below MIN the result rounds to 0 and above MAX to infinity, so clamping there changes no value; it makes
 * -inf and +inf ordinary arguments. The helpers keep their argument second in min and max, which is the
 * operand that x86 returns for a NaN. The error of rl_exp_ps and rl_exp_ps256, which give the same bits, is
 * at most 1.01 ulp: every float was tried. Subnormal results round once more, at 2^-149. */
#ifndef RL_EXP_POLY_H
#define RL_EXP_POLY_H

#define RL_EXP_MIN (-104.0f)
#define RL_EXP_MAX 89.0f
#define RL_EXP_LOG2E 0x1.715476p+0f
#define RL_EXP_LN2_HI 0x1.62e4p-1f
#define RL_EXP_LN2_LO 0x1.7f7d1cp-20f
#define RL_EXP_C2 0x1.fffffcp-2f
#define RL_EXP_C3 0x1.555492p-3f
#define RL_EXP_C4 0x1.5558f2p-5f
#define RL_EXP_C5 0x1.123a2p-7f
#define RL_EXP_C6 0x1.6a23dp-10f

#endif
