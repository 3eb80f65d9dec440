package history

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// million is the denominator of every share, so that no choice depends on how a machine rounds floats.
const million = 1_000_000

// draw makes every random choice of a history. It takes nothing but raw 64-bit words from the generator: the
// standard library's bounded draws differ between 32- and 64-bit machines.
type draw struct{ pcg *rand.PCG }

func newDraw(seed uint64) draw { return draw{rand.NewPCG(seed, 0x6b6579747261696c)} }

// below gives a number in [0, n). The bias of the multiplication is below n/2^64.
func (d draw) below(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// chance is true in share of a million cases.
func (d draw) chance(share int) bool { return d.below(million) < share }

// oneIn is true in one of n cases.
func (d draw) oneIn(n int) bool { return d.below(n) == 0 }

// near gives a number in [0, limit) that is mostly small: each power of two is about as likely as the next.
func (d draw) near(limit int) int {
	width := 1 << d.below(bits.Len(uint(limit)))
	return min(d.below(width), limit-1)
}

// pick gives one of the choices.
func pick[T any](d draw, choices []T) T { return choices[d.below(len(choices))] }

// share turns a fraction into parts per million.
func share(fraction float64) int { return int(math.Round(fraction * million)) }
